# frozen_string_literal: true

module TaskerCore
  module StepHandler
    # Handlers as blocks. +include+ or +extend+ this module, then:
    #
    #   step_handler "charge_card", depends_on: { price: "price_order" }, inputs: [:token] do |price:, token:, context:|
    #     { charged_cents: price["total_cents"], token: token }
    #   end
    #
    # +depends_on+ gives the block results of earlier steps: by the name of the step, or +[name, Model]+ for an object of
    # that class. +inputs+ gives it values of the task's input by their keys, or, with a class, one object as +inputs:+.
    # Keywords that the block does not name are left out; a block without keywords is called with the context.
    #
    # Each method returns the handler's class and registers it, so that a worker that is started later serves it.
    module Functional
      # Keywords that have their values from elsewhere.
      GIVEN = %i[context batch_context api].freeze
      private_constant :GIVEN

      # A handler whose code is a block.
      class Handler < Base
        class << self
          attr_reader :block, :depends_on, :inputs

          def define(name, version, depends_on, inputs, block)
            raise ArgumentError, "`#{name}`: a block is missing" unless block
            raise ArgumentError, "`#{name}`: depends_on is a Hash, { keyword: \"step\" }" unless depends_on.is_a?(Hash)

            @version = version
            @depends_on = depends_on.to_h { |keyword, source| [keyword.to_sym, Array(source)] }
            @inputs = inputs
            @block = block
            @keywords = block.parameters.select { |kind, _| %i[key keyreq].include?(kind) }.map(&:last)
            @takes_all = block.parameters.any? { |kind, _| kind == :keyrest }
            check(name)
            handler_name(name)
            handler_version(version)
          end

          def wants?(keyword)
            @takes_all || @keywords.include?(keyword)
          end

          def positional?
            @keywords.empty? && !@takes_all
          end

          private

          # What can never be called is refused where it is defined, and not by every attempt.
          def check(name)
            inputs = @inputs.is_a?(Array) ? @inputs.map(&:to_sym) : [:inputs]
            needed = @block.parameters.filter_map { |kind, keyword| keyword if kind == :keyreq }
            missing = needed - @depends_on.keys - inputs - GIVEN
            return if missing.empty?

            raise ArgumentError, "`#{name}`: nothing gives the keyword `#{missing.first}:` of the block; " \
                                 "name it in depends_on or inputs, or give it a default"
          end
        end

        def call(context)
          block = self.class.block
          return block.call(context) if self.class.positional?

          block.call(**arguments(context).select { |keyword, _| self.class.wants?(keyword) })
        end

        private

        def arguments(context)
          { context: context, **results(context), **inputs(context) }
        end

        def results(context)
          self.class.depends_on.to_h do |keyword, (step, model)|
            result = context.get_dependency_result(step)
            [keyword, Conversion.build(model, result, code: "dependency_invalid", what: "the result of step `#{step}`")]
          end
        end

        def inputs(context)
          inputs = self.class.inputs
          return inputs.to_h { |key| [key.to_sym, context.get_input(key)] } if inputs.is_a?(Array)

          { inputs: Conversion.build(inputs, context.input_data, code: "input_invalid", what: "the input") }
        end
      end

      # Decision, BatchConfig and the other handlers are in files of their own.

      module_function

      # A handler whose block returns the result of the step.
      def step_handler(name, depends_on: {}, inputs: [], version: "1.0.0", &block)
        Class.new(Handler) { define(name, version, depends_on, inputs, block) }
      end
    end
  end
end
