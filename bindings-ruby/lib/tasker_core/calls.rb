# frozen_string_literal: true

require_relative "operations"
require_relative "subscription"

module TaskerCore
  # What can be asked of Tasker: the same on a database and through a server. Whoever includes it has a method
  # +call(method, parameters)+.
  #
  # All of them raise Errors::ClientError, whose +code+ says why.
  module Calls
    include Operations

    # How long {#run_task} and {#wait_for_task} wait if not told otherwise, in seconds.
    WAIT = 60
    # A wait without end is one of a year: the longest that every part takes.
    LONGEST = 365 * 24 * 3600
    private_constant :LONGEST

    # Stores a task, from which moment it runs, and returns it. +context+ is its input. The version is the highest unless one
    # is given. The options are the other fields of POST /v1/tasks: +initiator+, +source_system+, +reason+, +tags+,
    # +priority+, +correlation_id+, +parent_correlation_id+, +traceparent+ and +tracestate+, and +idempotency_key+: one that
    # was used before gives the task of that time.
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
    def run_task(name, namespace: "default", context: {}, version: nil, timeout: WAIT, **options)
      submitted = call("task.submit", submission(name, namespace, context, version, options))
      wait_for_task(submitted["task_uuid"], timeout: timeout)
    end

    # Waits for the end of a task, at most +timeout+ seconds (without end if it is nil), and returns it with its steps; the
    # error +task_not_ended+ when the time is over.
    def wait_for_task(task_uuid, timeout: WAIT)
      seconds = (timeout || LONGEST).clamp(0, LONGEST)
      Types::Task.new(call("task.wait", { task_uuid: task_uuid, timeout_ms: (seconds * 1000).ceil }))
    end

    # A task with its steps.
    def get_task(task_uuid)
      Types::Task.new(call("task.get", { task_uuid: task_uuid }))
    end

    # A page of tasks that pass the filter, newest first, without their steps. The filter is what GET /v1/tasks takes; its
    # +status+ may be a list. The page's +next_page+ is what +after+ takes to go on, and nil at the end.
    def list_tasks(limit: 100, status: nil, **filter)
      status = status.join(",") if status.is_a?(Array)
      page = call("task.list", { limit: limit, status: status, **filter }.compact)
      Types::Page.new(page["items"].map { |task| Types::Task.new(task) }, page["next"])
    end

    # The steps of a task, in the order of its template.
    def list_task_steps(task_uuid)
      call("task.steps", { task_uuid: task_uuid }).map { |step| Types::Step.new(step) }
    end

    # One step of a task, by its id or its name.
    def get_step(task_uuid, step)
      found = list_task_steps(task_uuid).find { |one| [one[:step_uuid], one[:name]].include?(step.to_s) }
      found || raise(Errors::ClientError.new("task #{task_uuid} has no step #{step}", code: "step_not_found"))
    end

    # Everything that happened to a task after the event numbered +after+, in order.
    def get_task_history(task_uuid, after: 0)
      events = []
      while after
        page = call("task.history", { task_uuid: task_uuid, after_seq: Integer(after) })
        events.concat(page["items"])
        after = page["next"]
      end
      events
    end

    # What happened to one step, by its id or its name.
    def get_step_audit_history(task_uuid, step)
      name = get_step(task_uuid, step)[:name]
      get_task_history(task_uuid).select { |event| event["step"] == name }
    end

    # Why a task and each of its open steps stand where they stand, and what would move them.
    def explain_task(task_uuid)
      call("task.why", { task_uuid: task_uuid })
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

    # A task and all that run for its steps, theirs too, with the states of their steps; without inputs and results.
    def get_task_tree(task_uuid)
      call("task.tree", { task_uuid: task_uuid })
    end

    # Events of all tasks behind a cursor, waited for if there are none: the query is the body of POST /v1/events/next.
    def next_events(query = {})
      call("event.next", query)
    end

    # Yields the events of all tasks as they happen, without end; goes on by itself after whatever breaks off.
    #
    # With a name it goes on where that +subscription+ is done, also in another process: an event is done when the block has
    # returned, and one for which it has not comes again. Without a name it begins behind the cursor +after+, or with what
    # happens from now on. +types+ are <tt>task.completed</tt>, <tt>step.*</tt>, or names of domain events.
    def subscribe(subscription = nil, types: [], namespace: nil, name: nil, after: nil, &block)
      raise ArgumentError, "a block is needed, to which events are given" unless block

      query = { subscription: subscription, namespace: namespace, name: name, after: after }.compact
      query[:types] = Array(types) unless Array(types).empty?
      Subscription.new(self, query).each(&block)
    end

    # Workers that were heard of lately.
    def list_workers
      call("worker.list")
    end

    # How many tasks are in each state, and how deep the queues are.
    def get_stats
      call("stats.get")
    end

    # Whether Tasker can do its work, and how long the answer took in milliseconds; raises what is wrong if it cannot.
    def health_check
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond)
      health = call("health.get")
      { "healthy" => true, "version" => health["version"],
        "latency_ms" => Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond) - began }
    end

    private

    def submission(name, namespace, context, version, options)
      { namespace: namespace, name: name.to_s, version: version, context: context, **options }.compact
    end
  end
end
