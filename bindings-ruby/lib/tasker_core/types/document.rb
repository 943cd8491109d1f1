# frozen_string_literal: true

module TaskerCore
  module Types
    # A document as Tasker shows it: fields by method (+task.status+), by key (+task["status"]+, +task[:status]+) and as a
    # Hash. docs/reference/rest.md names the fields; one that is left out is nil.
    class Document
      # The names of the fields that documents of this kind may have.
      FIELDS = [].freeze

      def initialize(fields)
        @fields = fields
      end

      def [](key)
        @fields[key.to_s]
      end

      def dig(key, *rest)
        value = self[key]
        rest.empty? || value.nil? ? value : value.dig(*rest)
      end

      def key?(key)
        @fields.key?(key.to_s)
      end

      # With Strings as keys, at every depth.
      def to_h
        @fields
      end
      alias to_hash to_h

      def ==(other)
        other.class == self.class && other.to_h == to_h
      end
      alias eql? ==

      def hash
        @fields.hash
      end

      def inspect
        "#<#{self.class.name} #{@fields.inspect}>"
      end

      def respond_to_missing?(name, include_private = false)
        field?(name) || super
      end

      def method_missing(name, *arguments)
        return super unless arguments.empty? && field?(name)

        @fields[name.to_s]
      end

      private

      def field?(name)
        @fields.key?(name.to_s) || self.class::FIELDS.include?(name)
      end
    end

    # A step of a task.
    class Step < Document
      FIELDS = %i[step_uuid task_uuid step_idx name current_state handler queue dependencies phase compensates attempts
                  max_attempts failures losses results error next_retry_at due_at signal child_uuid left_out_by parts part
                  worker_id started_at completed_at].freeze

      def complete?
        self[:current_state] == "complete"
      end
    end

    # A page of a listing.
    class Page < Array
      # What +after+ takes to go on; nil at the end.
      attr_reader :next_page

      def initialize(items, next_page)
        super(items)
        @next_page = next_page
      end
    end

    # A task, with its steps where the call gives them.
    class Task < Document
      FIELDS = %i[task_uuid name namespace version status context initiator source_system reason priority tags
                  correlation_id parent_correlation_id idempotency_key traceparent tracestate rerun_of parent root_uuid
                  ending environment created_at updated_at completed_at deadline_at error total_steps pending_steps
                  in_progress_steps completed_steps failed_steps ready_steps completion_percentage last_seq steps].freeze
      ENDED = %w[complete error cancelled resolved_manually].freeze

      def complete?
        self[:status] == "complete"
      end

      # Whether nothing more will happen, unless an operator makes it.
      def ended?
        ENDED.include?(self[:status])
      end

      # In the order of the template.
      def steps
        @steps ||= (self[:steps] || []).map { |fields| Step.new(fields) }
      end

      # The step of that name; nil if the task has none.
      def step(name)
        steps.find { |step| step[:name] == name.to_s }
      end

      # What the step of that name returned.
      def result(name)
        step(name)&.results
      end
    end
  end
end
