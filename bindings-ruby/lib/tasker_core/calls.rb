# frozen_string_literal: true

module TaskerCore
  # What can be asked of Tasker: the same on a database and through a server. Whoever includes it has a method
  # +call(method, parameters)+.
  #
  # All of them raise Errors::ClientError, whose +code+ says why.
  module Calls
    # How long {#run} and {#wait} wait if not told otherwise, in seconds.
    WAIT = 60

    # Stores a task, from which moment it runs, and returns it. +context+ is its input. The version is the highest unless one
    # is given. An +idempotency_key+ that was used before gives the task of that time.
    def create_task(name, namespace: "default", context: {}, version: nil, **options)
      submitted = call("task.submit", submission(name, namespace, context, version, options))
      get_task(submitted["task_uuid"])
    end

    # Many at once, in one transaction: each a Hash of what {#create_task} takes, with +:name+. The answers are in the same
    # order: the id of the task, or the Errors::ClientError that keeps this one out.
    def create_tasks(tasks)
      requests = tasks.map do |task|
        name, namespace, context, version = task.values_at(:name, :namespace, :context, :version)
        submission(name, namespace || "default", context || {}, version,
                   task.except(:name, :namespace, :context, :version))
      end
      call("task.submit_many", { tasks: requests })["items"].map do |answer|
        answer["task_uuid"] || Errors.client_error(answer["error"])
      end
    end

    # Stores a task, waits for its end and returns it with its steps.
    def run(name, namespace: "default", context: {}, version: nil, timeout: WAIT, **options)
      submitted = call("task.submit", submission(name, namespace, context, version, options))
      wait(submitted["task_uuid"], timeout: timeout)
    end

    # Waits for the end of a task, at most +timeout+ seconds, and returns it with its steps; the error +task_not_ended+ when
    # the time is over.
    def wait(task_uuid, timeout: WAIT)
      call("task.wait", { task_uuid: task_uuid, timeout_ms: (timeout * 1000).ceil })
      get_task(task_uuid)
    end

    # A task with its steps.
    def get_task(task_uuid)
      Types::Task.new(call("task.get", { task_uuid: task_uuid }))
    end

    # Tasks that pass the filter, newest first, without their steps.
    def list_tasks(limit: 100, **filter)
      call("task.list", { limit: limit, **filter })["items"].map { |task| Types::Task.new(task) }
    end

    # Stops a task: its open steps are cancelled at once.
    def cancel_task(task_uuid, by: nil, reason: nil)
      Types::Task.new(call("task.cancel", { task_uuid: task_uuid, by: by, reason: reason }.compact))
    end

    # The steps of a task, in the order of its template.
    def list_task_steps(task_uuid)
      call("task.steps", { task_uuid: task_uuid }).map { |step| Types::Step.new(step) }
    end

    # One step of a task, by its id.
    def get_step(task_uuid, step_uuid)
      found = list_task_steps(task_uuid).find { |step| step[:step_uuid] == step_uuid }
      found || raise(Errors::ClientError.new("task #{task_uuid} has no step #{step_uuid}", code: "step_not_found"))
    end

    # What happened to a task, oldest first, after the event numbered +after+.
    def task_history(task_uuid, after: 0)
      call("task.history", { task_uuid: task_uuid, after_seq: after })["items"]
    end

    # Registers a template from its YAML text; the same content again is no error.
    def register_template(yaml, source_name: "template")
      call("template.put", { yaml: yaml, source_name: source_name })
    end

    # Registers the template in a file, or all that are in a folder.
    def load_templates(path)
      call("template.load", { path: path.to_s })
    end

    def list_templates(namespace: nil, name: nil)
      call("template.list", { namespace: namespace, name: name }.compact)
    end

    # The version that is asked for, or the highest.
    def get_template(namespace, name, version: nil)
      call("template.get", { namespace: namespace, name: name, version: version }.compact)
    end

    private

    def submission(name, namespace, context, version, options)
      { namespace: namespace, name: name.to_s, version: version, context: context, **options }.compact
    end
  end
end
