# frozen_string_literal: true

module TaskerCore
  module StepHandler
    # Runs one attempt to its outcome, in the words of the worker protocol (docs/reference/protocol.md).
    module Outcome
      # What fails a step. Everything else that can be raised ends the thread or the process, and leaves the attempt
      # unanswered, which counts as a lost worker.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze
      # Characters of the beginning and of the end of a text that are told.
      TEXT = 20_000
      private_constant :TEXT

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
      rescue *FAILURES => e
        # Whatever is wrong with the exception, the step must hear that it has failed.
        message = "#{exception.class}, which cannot be described: #{e.class}"
        error = Types::StepHandlerCallResult.error(message: message, error_type: exception.class.to_s,
                                                   error_code: "handler_error", retryable: true)
        failed(error, nil, events)
      end

      def call(registry, context)
        handler = registry.resolve_handler(context.handler_name)
        if handler.nil?
          message = "this worker was handed a step for `#{context.handler_name}`, which it does not have"
          raise Errors::RetryableError.new(message, error_code: "handler_not_found")
        end
        handler.public_send(method_of(handler, context), context)
      end

      # Only what the handler's own classes define can be called by a template.
      def method_of(handler, context)
        name = context.handler_method
        return :call if name.nil? || name == "call" || !handler.is_a?(Base)
        return name if handler.respond_to?(name) && !(Base <= handler.method(name).owner)

        message = "the handler `#{context.handler_name}` has no method `#{name}`, which the template names"
        raise Errors::PermanentError.new(message, error_code: "handler_method_not_found")
      end
      private_class_method :method_of
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
          "code" => code_of(failure),
          "message" => text(failure.message),
          "error_type" => failure.error_type && text(failure.error_type),
          "retry_after_ms" => milliseconds(failure.retry_after),
          "backtrace" => backtrace && text(backtrace),
          "context" => kept(failure.metadata)
        }
        outcome = { "error" => error.compact }
        outcome["events"] = events unless events.empty?
        [nil, { "failed" => outcome }]
      end
      private_class_method :failed

      # The kind stands for the code where that is not given, unless the kind is none either.
      def code_of(failure)
        kind = failure.error_type unless failure.error_type == Types::StepHandlerCallResult::NO_TYPE
        [failure.error_code, kind, "handler_error"].map { |code| text(code) }.find { |code| !code.empty? }
      end
      private_class_method :code_of

      # What is no number of seconds says nothing about time.
      def milliseconds(seconds)
        return unless seconds.is_a?(Numeric) || seconds.respond_to?(:in_milliseconds)

        seconds = seconds.to_f
        (seconds * 1000).ceil if seconds >= 0 && seconds < 1e12
      end
      private_class_method :milliseconds

      # Messages of exceptions come in any encoding and of any length, and may be broken. What is told of them has a bound in
      # Rust.
      def text(value)
        text = value.to_s.encode("UTF-8", invalid: :replace, undef: :replace).scrub
        text.size > 2 * TEXT ? "#{text[0, TEXT]}\n... (cut) ...\n#{text[-TEXT, TEXT]}" : text
      end
      private_class_method :text

      # An outcome must not be lost because of what was attached to it.
      def kept(context)
        return if context.nil? || context == {}

        Native.to_json(context)
        context
      rescue StandardError => e
        { "left_out" => text(e.message) }
      end
      private_class_method :kept
    end
  end
end
