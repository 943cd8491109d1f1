# frozen_string_literal: true

module TaskerCore
  # What handlers raise to say how a step fails, and what calls of the client raise.
  #
  # Any other exception fails the step with the code +handler_error+, and the step may be tried again.
  module Errors
    # All errors of this library.
    class Error < StandardError
    end

    # A failure of a step. +error_code+ is the stable word that operators and other services branch on; +context+ is a Hash
    # that is kept with the failure.
    class StepError < Error
      attr_reader :context

      def initialize(message = nil, error_code: nil, context: {})
        @error_code = error_code unless error_code.to_s.empty?
        @context = context || {}
        super(message)
      end

      class << self
        # The code of a class of errors where none is given.
        attr_writer :default_code

        def default_code
          @default_code || superclass.default_code
        end
      end

      self.default_code = "handler_error"

      # The code that was given, or that of the class.
      def error_code
        (@error_code || self.class.default_code).to_s
      end

      def retryable?
        true
      end

      # Seconds before the next attempt, whatever the backoff of the step says; nil where the error does not say.
      def retry_after
        nil
      end
    end

    # Trying again may help. +retry_after+ is in seconds.
    class RetryableError < StepError
      attr_reader :retry_after

      def initialize(message = nil, retry_after: nil, context: {}, error_code: nil)
        @retry_after = retry_after
        super(message, error_code: error_code, context: context)
      end
    end

    # Trying again cannot help.
    class PermanentError < StepError
      def retryable?
        false
      end
    end

    # Something took too long.
    class TimeoutError < RetryableError
      self.default_code = "timeout"
    end

    # Another system could not be reached.
    class NetworkError < RetryableError
      self.default_code = "network_error"
    end

    # Another system asks for patience.
    class RateLimitError < RetryableError
      self.default_code = "rate_limited"
    end

    # Another system is down.
    class ServiceUnavailableError < RetryableError
      self.default_code = "service_unavailable"
    end

    # The input is wrong.
    class ValidationError < PermanentError
      self.default_code = "validation_error"
    end

    # What the step is about does not exist.
    class NotFoundError < PermanentError
      self.default_code = "not_found"
    end

    # Another system does not know who asks.
    class AuthenticationError < PermanentError
      self.default_code = "authentication_failed"
    end

    # Another system does not allow it.
    class AuthorizationError < PermanentError
      self.default_code = "not_authorized"
    end

    # The handler, its template or its surroundings are not set up rightly.
    class ConfigurationError < PermanentError
      self.default_code = "configuration_error"
    end

    # A rule of the business forbids it.
    class BusinessLogicError < PermanentError
      self.default_code = "business_rule"
    end

    # A value has no form in JSON; the message names the place inside it.
    class ConversionError < PermanentError
      self.default_code = "value_not_json"

      # Where in the value: +items[3].price+.
      attr_reader :path
      # A word for the kind of fault, of docs/reference/json-profile.md.
      attr_reader :reason

      def initialize(message = nil, path: nil, reason: nil, error_code: nil, context: {})
        @path = path
        @reason = reason
        super(message, error_code: error_code, context: context)
      end
    end

    # The attempt was cancelled while the handler ran: the task was, or the time is over, or the worker stops. Raised by
    # +context.check_cancellation!+.
    class CancelledError < RetryableError
      self.default_code = "cancelled"
    end

    # Why a call of the client, or the start of a worker, failed.
    class ClientError < Error
      # A stable word to branch on, for example +template_not_found+.
      attr_reader :code
      # What to mend; nil where there is nothing to say.
      attr_reader :remedy
      # The single faults, where there are several; nil otherwise.
      attr_reader :details

      def initialize(message = nil, code: "client_error", is_transient: false, remedy: nil, details: nil)
        @code = code
        @is_transient = is_transient
        @remedy = remedy
        @details = details
        super(remedy ? "#{message} (#{remedy})" : message)
      end

      # Whether the same call may succeed later.
      def transient?
        @is_transient
      end
    end

    # The exception that the native part raises, made of what it knows.
    def self.client_error(fields)
      code, faults = fields.values_at("code", "faults")
      return ConversionError.new(fields["message"], **conversion(faults.first)) if code == "value_not_json"

      ClientError.new(fields["message"], code: code, is_transient: fields["is_transient"], remedy: fields["remedy"],
                                         details: faults)
    end

    def self.conversion(fault)
      { path: fault["path"], reason: fault["code"] }
    end
    private_class_method :conversion
  end
end
