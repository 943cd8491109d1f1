# frozen_string_literal: true

module TaskerCore
  module Types
    # What a handler is called with: which step of which task this is, its input, its configuration, the results of the steps
    # before it, and whether it should stop. Values are those of JSON, with Strings as keys.
    class StepContext
      # Parts of the context as published code knows them.
      TaskView = Struct.new(:task_uuid, :name, :namespace, :version, :context, :correlation_id, keyword_init: true)
      WorkflowStepView = Struct.new(:workflow_step_uuid, :step_uuid, :name, :attempts, :max_attempts, keyword_init: true)
      HandlerView = Struct.new(:callable, :handler_method, :initialization, keyword_init: true)
      StepDefinitionView = Struct.new(:name, :handler, keyword_init: true)
      # How a task ends: +status+ is +complete+, +error+ or +cancelled+; +error+ is what it failed with (a Hash), +by+ and
      # +reason+ say who cancelled it and why.
      Ending = Struct.new(:status, :error, :by, :reason, keyword_init: true)

      # +attempt+ is what the native part hands over, or anything with the same methods (see Testing).
      def initialize(attempt)
        @attempt = attempt
        @about = attempt.about
      end

      def task_uuid
        @about["task_uuid"]
      end
      alias task_id task_uuid

      def step_uuid
        @about["step_uuid"]
      end

      def step_name
        @about["step_name"]
      end

      # The name by which the template calls the handler.
      def handler_name
        @about["handler_name"]
      end

      # +handler.method+ of the template; nil if it names none.
      def handler_method
        @about["method"]
      end

      def namespace_name
        @about["namespace"]
      end

      def template_name
        @about["template_name"]
      end

      # Of the template.
      def version
        @about["template_version"]
      end

      def correlation_id
        @about["correlation_id"]
      end

      # The trace that the task belongs to, as headers to go on with: +traceparent+ and perhaps +tracestate+. Empty without.
      def trace_context
        @trace_context ||= @attempt.part("trace_context") || {}
      end

      # Which execution of the step this is, from 1; executions whose worker was lost count too.
      def attempt
        @about["attempt"]
      end

      # Attempts before this one that ended in a failure.
      def retry_count
        @about["retry_count"]
      end

      # Failures after which the step is not tried again.
      def max_retries
        @about["max_retries"]
      end
      alias max_attempts max_retries

      def is_retry? # rubocop:disable Naming/PredicateName
        retry_count.positive?
      end
      alias retry? is_retry?

      # Whether the step is not tried again should this attempt fail.
      def is_last_retry? # rubocop:disable Naming/PredicateName
        retry_count + 1 >= max_retries
      end
      alias last_retry? is_last_retry?

      # The task's input.
      def input_data
        @input_data ||= @attempt.part("input")
      end
      alias context input_data

      # One value of the input; nil where there is none.
      def get_input(key)
        fetch(input_data, key, nil)
      end

      # One value of the input; +default+ where there is none or it is null.
      def get_input_or(key, default = nil)
        fetch(input_data, key, default)
      end

      # +handler.initialization+ of the template.
      def step_config
        @step_config ||= @attempt.part("config") || {}
      end

      def get_config(key, default = nil)
        fetch(step_config, key, default)
      end

      # The results of all steps before this one, by the names of the steps.
      def dependency_results
        @dependency_results ||= @attempt.results
      end

      # The result of a step before this one, directly or not; nil where there is none.
      def get_dependency_result(step)
        dependency_results[step.to_s]
      end

      # A value inside the result of a step: +context.get_dependency_field("price", "tax", "cents")+.
      def get_dependency_field(step, *path)
        path.reduce(get_dependency_result(step)) do |value, key|
          case value
          when Hash then value[key.to_s]
          when Array then key.is_a?(Integer) ? value[key] : nil
          end
        end
      end

      # The results of the steps whose names begin with +prefix+, in the order of the names: those of the workers of a batch.
      def get_all_dependency_results(prefix = "")
        dependency_results.select { |name, _| name.start_with?(prefix) }.sort.map(&:last)
      end

      # Whether the outcome is no longer wanted: the task was cancelled, the attempt ran out of time, or the worker stops.
      def cancelled?
        @attempt.cancelled?
      end

      # Raises where {#cancelled?} is true; for handlers that work long.
      def check_cancellation!
        raise Errors::CancelledError.new("the attempt was cancelled", error_code: "cancelled") if cancelled?
      end

      # Says that the handler is alive, and perhaps how far it has come: any value that JSON can hold, which operators see.
      # False when the outcome is no longer wanted, so that the handler may stop.
      def heartbeat(progress = nil)
        @attempt.heartbeat(progress)
      end

      # Which part of a batch this attempt is for (Functional::BatchContext); nil in steps that are not split.
      def batch_context
        part = @attempt.part("batch")
        part && StepHandler::Functional::BatchContext.new(part)
      end

      # Whether an earlier attempt of this step has stored how far it came.
      def has_checkpoint? # rubocop:disable Naming/PredicateName
        !stored.nil?
      end
      alias checkpoint? has_checkpoint?

      # Where to go on from: what {#checkpoint} was last given; nil without a checkpoint.
      def checkpoint_cursor
        stored&.fetch("cursor")
      end

      # What earlier attempts have gathered; nil without a checkpoint.
      def accumulated_results
        stored && stored["accumulated_results"]
      end

      # Items that earlier attempts have done.
      def items_processed
        stored ? stored.fetch("items_processed", 0) : 0
      end

      # Stores where the step stands and what it has gathered, in place of what was stored before. When this returns, an
      # attempt that follows a crash or a failure goes on from here. It extends the lease too.
      def checkpoint(cursor:, accumulated_results: nil, items_processed: 0)
        stored = { "cursor" => cursor, "accumulated_results" => accumulated_results, "items_processed" => items_processed }
        @attempt.store_checkpoint(stored)
        # As the next attempt will see it.
        @stored = [Native.from_json(Native.to_json(stored))]
        nil
      rescue Errors::ClientError => e
        kinds = { "lease_lost" => Errors::CancelledError }
        kinds.default = e.transient? ? Errors::RetryableError : Errors::PermanentError
        raise kinds[e.code].new(e.message, error_code: e.code)
      end

      # Publishes an event together with the outcome of this attempt; +publishes_events+ of the step has to name it. A
      # permanent failure +event_invalid+ where the payload has no JSON form, is over 1 MiB, or is the 101st.
      def publish(name, payload = {})
        refuse_event(name, "#{EVENTS} events were published before it, which is the limit") if events.size >= EVENTS
        text = Native.to_json(payload)
        is_large = text.bytesize > EVENT_BYTES
        refuse_event(name, "its payload has more than #{EVENT_BYTES} bytes, which is the limit") if is_large
        # As it is now: the handler may go on to change it.
        events << { "name" => name.to_s, "payload" => Native.from_json(text) }
        nil
      rescue Errors::ConversionError => e
        refuse_event(name, e.message)
      end

      # What was published so far.
      def events
        @events ||= []
      end

      # +{ "task_id" => ..., "step_uuid" => ... }+ of the step of another task that waits for the end of this task; nil in
      # tasks that stand for themselves.
      def parent
        @attempt.part("parent")
      end

      # In a compensation and in a step of +finally+: how the task ends, and why (Ending); nil in other steps.
      def ending
        @ending ||= [@attempt.part("ending")&.then { |fields| Ending.new(**fields.transform_keys(&:to_sym)) }]
        @ending.first
      end

      # The logger of the application; each line names the task, the step and the attempt.
      def logger
        TaskerCore.logger
      end

      def task
        TaskView.new(task_uuid: task_uuid, name: template_name, namespace: namespace_name, version: version,
                     context: input_data, correlation_id: correlation_id)
      end

      def workflow_step
        WorkflowStepView.new(workflow_step_uuid: step_uuid, step_uuid: step_uuid, name: step_name, attempts: attempt,
                             max_attempts: max_attempts)
      end

      def step_definition
        handler = HandlerView.new(callable: handler_name, handler_method: handler_method, initialization: step_config)
        StepDefinitionView.new(name: step_name, handler: handler)
      end

      def inspect
        "#<#{self.class.name} step=#{step_name.inspect} task=#{task_uuid} attempt=#{attempt}>"
      end

      # Events that one attempt may publish, and bytes of each.
      EVENTS = 100
      EVENT_BYTES = 1024 * 1024
      private_constant :EVENTS, :EVENT_BYTES

      private

      def refuse_event(name, reason)
        raise Errors::PermanentError.new("event `#{name}`: #{reason}", error_code: "event_invalid")
      end

      def stored
        @stored ||= [@attempt.part("checkpoint")]
        @stored.first
      end

      def fetch(fields, key, default)
        value = fields.is_a?(Hash) ? fields[key.to_s] : nil
        value.nil? ? default : value
      end
    end
  end
end
