# frozen_string_literal: true

module TaskerCore
  module StepHandler
    module Functional
      # What the block of a batch analyzer returns: into which parts the work is split. +parallelism+ is the number of parts
      # that run at the same time at most; +failure_strategy+ is +:continue_on_failure+, +:fail_fast+ or +:isolate+. What is
      # not given, the template of the worker step says. +metadata+ becomes the step's result.
      class BatchConfig
        attr_reader :total_items, :batch_size, :metadata

        class << self
          # One part for each value.
          def items(items, **options)
            of({ items: items.to_a }, **options)
          end

          # Parts of the handler's own making: Ranges, or pairs of a start and an end that is not in the part.
          def ranges(ranges, **options)
            of({ ranges: ranges.map { |range| bounds(range) } }, **options)
          end

          private

          def of(batches, **options)
            new(batches: batches, **options)
          end

          def bounds(range)
            first, last = range.is_a?(Range) ? [range.begin, range.end] : range
            last += 1 if range.is_a?(Range) && !range.exclude_end?
            { start: first, end: last }
          end
        end

        # Parts of +batch_size+ items, from 0 to +total_items+; the last may be shorter.
        def initialize(total_items: nil, batch_size: nil, metadata: {}, parallelism: nil, failure_strategy: nil,
                       batches: nil)
          @total_items = total_items
          @batch_size = batch_size
          @metadata = metadata
          @options = { parallelism: parallelism, failure_strategy: failure_strategy }.compact
          @batches = batches || { split: { total_items: total_items, batch_size: batch_size } }
          freeze
        end

        def to_result(worker)
          next_steps = { batches: { worker: worker&.to_s, batches: @batches, **@options }.compact }
          Types::StepHandlerCallResult::Success.new(result: @metadata, next_steps: next_steps)
        end
      end

      # Which part of a batch an attempt is for.
      class BatchContext
        # Of this part, from 0, and how many there are.
        attr_reader :index, :of
        # The value that this part is for; nil for a range.
        attr_reader :item
        # The items of this part are those from +start_cursor+ up to, and without, +end_cursor+; nil for an item.
        attr_reader :start_cursor, :end_cursor

        def initialize(part)
          @index, @of = part.values_at("index", "of")
          @item = part.dig("work", "item")
          @start_cursor, @end_cursor = part.dig("work", "range")&.values_at("start", "end")
          freeze
        end

        def batch_id
          format("%03d", index + 1)
        end

        def range?
          !start_cursor.nil?
        end

        def to_h
          cursor = { batch_id: batch_id, start_cursor: start_cursor, end_cursor: end_cursor,
                     batch_size: range? ? end_cursor - start_cursor : nil }
          { batch_id: batch_id, index: index, of: of, item: item, cursor_config: cursor }
        end

        def [](key)
          to_h[key.to_sym]
        end

        def dig(*path)
          to_h.dig(*path.map(&:to_sym))
        end
      end

      # A handler whose block returns a BatchConfig.
      class BatchAnalyzer < Handler
        class << self
          attr_accessor :worker
        end

        def call(context)
          config = super
          case config
          when BatchConfig then config.to_result(self.class.worker)
          when Types::StepHandlerCallResult::Success, Types::StepHandlerCallResult::Error then config
          else
            raise Errors::PermanentError.new("`#{handler_name}` returned a #{config.class}, and no BatchConfig",
                                             error_code: "batch_invalid")
          end
        end
      end

      # A handler whose block is given +batch_context+.
      class BatchWorker < Handler
        private

        def arguments(context)
          { **super, batch_context: context.batch_context }
        end
      end

      module_function

      # A handler of a step of the type +batchable+: its block returns a BatchConfig. +worker_template+ names the dependent
      # step of the type +batch_worker+ that does the work; it may be left out where there is only one.
      def batch_analyzer(name, worker_template: nil, depends_on: {}, inputs: [], version: "1.0.0", &block)
        Class.new(BatchAnalyzer) do
          self.worker = worker_template
          define(name, version, depends_on, inputs, block)
        end
      end

      # A handler of a step of the type +batch_worker+: it runs once for each part, and its block may take +batch_context:+
      # (a BatchContext).
      def batch_worker(name, depends_on: {}, inputs: [], version: "1.0.0", &block)
        Class.new(BatchWorker) { define(name, version, depends_on, inputs, block) }
      end
    end
  end
end
