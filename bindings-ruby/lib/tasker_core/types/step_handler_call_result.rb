# frozen_string_literal: true

module TaskerCore
  module Types
    # What a handler returns, where a plain value does not say enough.
    module StepHandlerCallResult
      # The step is complete. +metadata+ is kept in the task's history. +next_steps+ is what a decision or a batchable step
      # says about the steps after it, in the words of the worker protocol.
      Success = Struct.new(:result, :metadata, :next_steps, keyword_init: true) do
        def success?
          true
        end
      end

      # The step failed, and may be tried again if +retryable+. +retry_after+ is in seconds.
      Error = Struct.new(:error_type, :message, :error_code, :retryable, :retry_after, :metadata, keyword_init: true) do
        def success?
          false
        end
      end

      # The kind of a failure that names none.
      NO_TYPE = "UnexpectedError"

      module_function

      # +result+ is any value that JSON can hold.
      def success(result: {}, metadata: {})
        Success.new(result: result, metadata: metadata || {})
      end

      def error(message:, error_type: NO_TYPE, error_code: nil, retryable: false, retry_after: nil, metadata: {})
        Error.new(error_type: error_type, message: message, error_code: error_code, retryable: retryable,
                  retry_after: retry_after, metadata: metadata || {})
      end

      # What the exception makes of the step.
      def from_exception(exception)
        failure = exception.is_a?(Errors::StepError)
        error(message: exception.message, error_type: exception.class.name,
              error_code: failure ? exception.error_code : "handler_error",
              retryable: failure ? exception.retryable? : true,
              retry_after: failure ? exception.retry_after : nil,
              metadata: failure ? exception.context : {})
      end
    end
  end
end
