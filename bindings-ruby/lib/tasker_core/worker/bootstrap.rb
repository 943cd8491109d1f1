# frozen_string_literal: true

require "singleton"

module TaskerCore
  module Worker
    # The worker of a process: start it once, after the handlers are loaded and after any fork.
    #
    #   TaskerCore::Worker::Bootstrap.start!(namespaces: ["payments"])
    #
    # A program that is nothing but a worker calls {.run}, which returns when it was asked to stop.
    class Bootstrap
      class << self
        # The worker of this process; nil before the start.
        attr_reader :instance

        # Starts the worker and returns the Bootstrap; when it runs already, returns the one that does. +url+ and +api_key+
        # as for TaskerCore.open; +templates+ is a path (else TASKER_TEMPLATE_PATH); +namespace+ or +namespaces+ to serve;
        # all other options as for Threads.new.
        def start!(url: nil, api_key: nil, templates: templates_of_environment, environment: nil, log: nil,
                   lease: nil, namespace: nil, namespaces: [], **options)
          LOCK.synchronize do
            return @instance if @instance&.running?

            tasker = Tasker.new(url, api_key: api_key, templates: templates, environment: environment, log: log,
                                     lease: lease)
            begin
              worker = tasker.start_worker(namespaces: [*namespace, *namespaces], **options)
            rescue StandardError
              tasker.close
              raise
            end
            @instance = new(tasker, worker)
          end
        end

        # Stops the worker of this process, if it runs.
        def shutdown!(grace: Tasker::GRACE)
          @instance&.shutdown!(grace: grace)
        end

        # +{ running:, worker_id:, handlers:, attempts: }+; +attempts+ as in Threads#stats.
        def status
          @instance ? @instance.status : { running: false }
        end

        def running?
          @instance&.running? || false
        end

        # Starts the worker, and stops it on Ctrl-C or SIGTERM: handlers may end what they do. A second signal ends the
        # program at once. Returns when all is done.
        def run(grace: Tasker::GRACE, **options)
          # A queue, since Ruby allows no locks within a trap; before the start, since handlers may run before it returns.
          signals = Queue.new
          before = %w[INT TERM].to_h { |name| [name, trap(name) { |number| signals << number }] }
          bootstrap = start!(**options)
          signals.pop
          before.each_key { |name| trap(name) { |number| exit!(128 + number) } }
          bootstrap.shutdown!(grace: grace)
        ensure
          before&.each { |name, handler| trap(name, handler || "DEFAULT") }
        end

        private

        # A variable that is set to nothing counts as not set.
        def templates_of_environment
          path = ENV.fetch("TASKER_TEMPLATE_PATH", "")
          path unless path.empty?
        end
      end

      LOCK = Mutex.new
      private_constant :LOCK

      # Calls of the client on the connection of this worker.
      attr_reader :tasker

      def initialize(tasker, worker)
        @tasker = tasker
        @worker = worker
        @pid = Process.pid
      end

      # In a forked child it is not: start another one there.
      def running?
        @pid == Process.pid && @worker.running? && !@tasker.closed?
      end

      def shutdown!(grace: Tasker::GRACE)
        @tasker.close(grace: grace)
        true
      end

      def status
        return { running: false } unless running?

        { running: true, worker_id: @worker.worker_id, handlers: Registry::HandlerRegistry.instance.registered_handlers,
          attempts: @worker.stats.transform_keys(&:to_sym) }
      end
    end
  end
end
