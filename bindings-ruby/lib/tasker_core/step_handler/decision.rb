# frozen_string_literal: true

module TaskerCore
  module StepHandler
    module Functional
      # What the block of a decision handler returns: which of the steps that depend on it run.
      class Decision
        class << self
          # These dependents run; the others are skipped. What else is given becomes part of the step's result.
          def route(steps, **details)
            new({ route: { steps: Array(steps).map(&:to_s) } }, { route: Array(steps).map(&:to_s), **details })
          end

          # None of the dependents runs.
          def skip(reason, **details)
            new({ skip: { reason: reason.to_s } }, { skipped: reason.to_s, **details })
          end
        end

        def initialize(next_steps, result)
          @next_steps = next_steps
          @result = result
          freeze
        end

        def to_result
          Types::StepHandlerCallResult::Success.new(result: @result, next_steps: @next_steps)
        end
      end

      # A handler whose block returns a Decision.
      class DecisionHandler < Handler
        def call(context)
          decision = super
          case decision
          when Decision then decision.to_result
          when Types::StepHandlerCallResult::Success, Types::StepHandlerCallResult::Error then decision
          else
            raise Errors::PermanentError.new("`#{handler_name}` returned a #{decision.class}, and no Decision",
                                             error_code: "decision_invalid")
          end
        end
      end

      module_function

      # A handler of a step of the type +decision+: its block returns Decision.route or Decision.skip.
      def decision_handler(name, depends_on: {}, inputs: [], version: "1.0.0", &block)
        Class.new(DecisionHandler) { define(name, version, depends_on, inputs, block) }
      end
    end
  end
end
