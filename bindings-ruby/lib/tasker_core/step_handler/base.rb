# frozen_string_literal: true

module TaskerCore
  module StepHandler
    # A handler as a class: +call+ runs one attempt of a step. Each attempt gets an object of its own, so that instance
    # variables are safe; attempts run at the same time, in threads.
    #
    #   class ChargeCard < TaskerCore::StepHandler::Base
    #     def call(context)
    #       success(result: { charged: context.get_input("amount_cents") })
    #     end
    #   end
    #
    # Templates call it by the name of its class (+Payments::ChargeCard+), or by the name that +handler_name+ gives it.
    class Base
      class << self
        # The name by which templates call this handler; with an argument, gives it that name.
        def handler_name(name = nil)
          return @handler_name || self.name if name.nil?

          @handler_name = name.to_s
          Registry::HandlerRegistry.instance.register_handler(@handler_name, self)
          @handler_name
        end

        # The version of the code, for people; with an argument, sets it.
        def handler_version(version = nil)
          return @handler_version || "1.0.0" if version.nil?

          @handler_version = version.to_s
        end

        def inherited(subclass)
          super
          Registry::HandlerRegistry.instance.remember_class(subclass)
        end
      end

      # Runs one attempt. Returns a Types::StepHandlerCallResult, or any value that JSON can hold, which is the result.
      def call(_context)
        raise NotImplementedError, "#{self.class} has no method `call(context)`"
      end

      def handler_name
        self.class.handler_name
      end

      # The logger of the application; each line names the task, the step and the attempt.
      def logger
        TaskerCore.logger
      end

      def success(result: {}, metadata: {})
        Types::StepHandlerCallResult.success(result: result, metadata: metadata)
      end

      def failure(message:, error_type: "UnexpectedError", error_code: nil, retryable: false, retry_after: nil, metadata: {})
        Types::StepHandlerCallResult.error(message: message, error_type: error_type, error_code: error_code,
                                           retryable: retryable, retry_after: retry_after, metadata: metadata)
      end
    end
  end
end
