# frozen_string_literal: true

module TaskerCore
  module StepHandler
    # Runs one attempt to its outcome, in the words of the worker protocol (docs/reference/protocol.md).
    module Outcome
      # What fails a step. Everything else that can be raised ends the thread or the process, and leaves the attempt
      # unanswered, which counts as a lost worker.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

      module_function

      # The outcome of an attempt that the native part handed over, as +[result, outcome]+: without an outcome the step
      # succeeded with that result.
      def of_attempt(attempt, registry)
        context = Types::StepContext.new(attempt)
        Logging.with_ids(context) { of_result(call(registry, context), context.events) }
      rescue *FAILURES => e
        of_exception(e, context&.events || [])
      end

      # The outcome that a returned value stands for.
      def of_result(result, events = [])
        case result
        when Types::StepHandlerCallResult::Success then succeeded(result, events)
        when Types::StepHandlerCallResult::Error then failed(result, nil, events)
        else events.empty? ? [result, nil] : succeeded(Types::StepHandlerCallResult.success(result: result), events)
        end
      end

      def of_exception(exception, events = [])
        failure = Types::StepHandlerCallResult.from_exception(exception)
        failed(failure, exception.full_message(highlight: false, order: :top), events)
      end

      def call(registry, context)
        handler = registry.resolve_handler(context.handler_name)
        if handler.nil?
          message = "this worker was handed a step for `#{context.handler_name}`, which it does not have"
          raise Errors::RetryableError.new(message, error_code: "handler_not_found")
        end
        method = context.handler_method
        handler.public_send(method.nil? || !handler.is_a?(Base) ? :call : method, context)
      end
      private_class_method :call

      def succeeded(success, events)
        metadata = kept(success.metadata)
        outcome = { "result" => nil, "next" => success.next_steps, "events" => events, "metadata" => metadata }.compact
        outcome.delete("events") if events.empty?
        outcome["result"] = nil
        [success.result, outcome.size > 1 ? { "succeeded" => outcome } : nil]
      end
      private_class_method :succeeded

      def failed(failure, backtrace, events)
        error = {
          "kind" => failure.retryable ? "retryable" : "permanent",
          "code" => (failure.error_code || "handler_error").to_s,
          "message" => text(failure.message),
          "error_type" => failure.error_type&.to_s,
          "retry_after_ms" => failure.retry_after && (failure.retry_after * 1000).ceil,
          "backtrace" => backtrace && text(backtrace),
          "context" => kept(failure.metadata)
        }
        outcome = { "error" => error.compact }
        outcome["events"] = events unless events.empty?
        [nil, { "failed" => outcome }]
      end
      private_class_method :failed

      # Messages of exceptions come in any encoding, and may be broken.
      def text(value)
        value.to_s.encode("UTF-8", invalid: :replace, undef: :replace).scrub
      end
      private_class_method :text

      # An outcome must not be lost because of what was attached to it.
      def kept(context)
        return if context.nil? || context == {}

        Native.to_json(context)
        context
      rescue Errors::ConversionError => e
        { "left_out" => e.message }
      end
      private_class_method :kept
    end
  end
end
