# frozen_string_literal: true

module TaskerCore
  module Worker
    # Runs attempts in threads, as many at a time as there are slots. A thread is made when there is more to do than threads
    # that wait, so a quiet worker has few.
    class Threads
      # Attempts at the same time. More pays where handlers wait for others; Ruby runs one thread at a time.
      SLOTS = 16
      # The first thread looks for signals this often, in milliseconds; the others may sleep longer.
      WAITS = { first: 100, others: 1000 }.freeze

      # Serves the handlers of +registry+, or those of them that +handlers+ names, for +namespaces+ (every one if none is
      # named). +poll_interval+ is the longest time between two looks for work, in seconds.
      def initialize(host, registry: Registry::HandlerRegistry.instance, handlers: nil, namespaces: [], slots: SLOTS,
                     poll_interval: nil)
        @registry = registry
        @slots = slots
        @threads = []
        @lock = Mutex.new
        handlers ||= registry.registered_handlers
        config = { language: "ruby", handlers: handlers, namespaces: Array(namespaces), slots: slots,
                   poll_interval_ms_max: poll_interval && (poll_interval * 1000).ceil }
        @native = host.start_worker(Native.to_json(config.compact))
        registry.serve(handlers)
        @running = true
        add_thread
      end

      # The worker's id, as operators see it.
      def worker_id
        @native.worker_id
      end

      def running?
        @running
      end

      # What the worker does at the moment: a Hash of counts.
      def stats
        @native.stats
      end

      # Stops: nothing more is taken, handlers may run on for +grace+ seconds, and their outcomes are reported. Returns the
      # number of handlers that did not end in time; their steps run again elsewhere.
      def stop(grace: Tasker::GRACE)
        return 0 unless @running

        abandoned, = @native.shutdown((grace * 1000).ceil)
        @running = false
        # A thread that does not end is one whose handler does not; it must not hold up the end of the program.
        others = @lock.synchronize { @threads - [Thread.current] }
        others.each { |thread| thread.join(abandoned.zero? ? nil : 0) }
        abandoned
      end

      private

      def add_thread
        @lock.synchronize do
          @threads.select!(&:alive?)
          return if @threads.size >= @slots

          wait = @threads.empty? ? WAITS[:first] : WAITS[:others]
          @threads << Thread.new { serve(wait) }
        end
      end

      def serve(wait)
        Thread.current.name = "tasker worker"
        Thread.current.report_on_exception = false
        ended = false
        @native.serve(wait, method(:attempt).to_proc)
        ended = true
      ensure
        # A handler ended this thread, with Thread#kill for example.
        replace_thread unless ended
      end

      def replace_thread
        @lock.synchronize { @threads.delete(Thread.current) }
        add_thread if @running
      end

      def attempt(native)
        add_thread if @native.idle.zero?
        native.answer(*in_application { StepHandler::Outcome.of_attempt(native, @registry) })
      rescue *StepHandler::Outcome::FAILURES => e
        # What was returned does not let itself be looked at, or the application cannot be loaded.
        native.answer(*StepHandler::Outcome.of_exception(e))
      end

      # In Rails, as jobs are run: code that has changed is loaded again, and connections go back to their pool.
      def in_application(&attempt)
        application = defined?(::Rails) && ::Rails.respond_to?(:application) && ::Rails.application
        application ? application.reloader.wrap(&attempt) : attempt.call
      end
    end
  end
end
