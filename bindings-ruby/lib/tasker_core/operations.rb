# frozen_string_literal: true

module TaskerCore
  # What operators do to tasks: part of Calls. +by+ says who does it and +reason+ why; both are kept in the task's history.
  module Operations
    # Stops a task: its open steps are cancelled at once.
    def cancel_task(task_uuid, by: nil, reason: nil)
      operate("task.cancel", task_uuid, by: by, reason: reason)
    end

    # No further step starts; attempts that run go on.
    def pause_task(task_uuid, by: nil, reason: nil)
      operate("task.pause", task_uuid, by: by, reason: reason)
    end

    # Lets a paused task go on.
    def resume_task(task_uuid, by: nil, reason: nil)
      operate("task.resume", task_uuid, by: by, reason: reason)
    end

    # Runs an ended task again, as a new one with the same input, which is returned. With +from+ only that step and those
    # behind it run; what else was done is taken over. +context+ is then the input in place of the old one, +results+ are
    # results in place of old ones, by the names of the steps.
    def rerun_task(task_uuid, from: nil, context: nil, results: nil, by: nil, reason: nil)
      operate("task.rerun", task_uuid, from: from&.to_s, context: context, results: results, by: by, reason: reason)
    end

    # Lets the step of this name, or every failed one, run again with all its attempts anew.
    def retry_task(task_uuid, step: nil, by: nil, reason: nil)
      operate("task.retry", task_uuid, step: step, by: by, reason: reason)
    end

    # Closes the step of this name, or every failed one, by hand; what waits for it goes on with +result+.
    def resolve_task(task_uuid, step: nil, result: nil, by: nil, reason: nil)
      operate("task.resolve", task_uuid, step: step, result: result, by: by, reason: reason)
    end

    # Sends a signal to a task, for the step that waits for it; it may come before the wait. +payload+ is the result of that
    # step.
    def signal_task(task_uuid, signal, payload: nil, by: nil)
      operate("task.signal", task_uuid, signal: signal, payload: payload, by: by)
    end

    # Does the same to many tasks: the body of POST /v1/tasks/actions. Each has its own outcome.
    def act_on_tasks(request)
      call("task.act", request)
    end

    private

    def operate(method, task_uuid, **parameters)
      Types::Task.new(call(method, { task_uuid: task_uuid, **parameters.compact }))
    end
  end
end
