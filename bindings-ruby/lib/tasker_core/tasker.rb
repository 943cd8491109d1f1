# frozen_string_literal: true

module TaskerCore
  # Tasker in this process: calls, and workers for the handlers of this process.
  #
  #   TaskerCore.open("sqlite:orders.db", templates: "templates") do |tasker|
  #     tasker.start_worker
  #     tasker.run_task("order", namespace: "shop", context: { cart: 7 }).status
  #   end
  #
  # It belongs to the process that made it: make it after a fork, in each child. In a child of a later fork every call raises
  # an Errors::ClientError with the code +forked+. What is still open when the program ends is drained and closed.
  class Tasker
    include Calls

    # Seconds that handlers have to end when a worker stops.
    GRACE = 30

    # +templates+ is a file or folder of templates to register, or a list of them. +environment+ chooses the +environments+
    # of the templates (else TASKER_ENV); +log+ says what of the engine is logged (else TASKER_LOG, else +warn+). +lease+ is
    # how many seconds leases are given for (30): they are renewed while handlers run, and a step of a vanished process waits
    # that long.
    def initialize(url = nil, api_key: nil, templates: nil, environment: nil, migrate: true, log: nil, lease: nil)
      @pid = Process.pid
      @is_closed = false
      @workers = []
      log ||= [ENV.fetch("TASKER_LOG", nil), "warn"].find { |level| level && !level.empty? }
      config = { url: url, api_key: api_key, environment: environment, migrate: migrate, log: log,
                 lease_ms: lease && (lease * 1000).round }
      @host = Native::Host.start(Native.to_json(config.compact))
      @log_thread = Thread.new { pass_on_logs }
      AtExit.add(self)
      load_all(templates)
    end

    # Calls a method of docs/reference/host-calls.md by its name.
    def call(method, parameters = {})
      @host.call(method, parameters)
    end

    # Starts to run steps for the handlers that are registered; see Worker::Threads.new for the options.
    def start_worker(**options)
      worker = Worker::Threads.new(@host, **options)
      @workers << worker
      worker
    end

    # Drains the workers (handlers may run on for +grace+ seconds), and closes everything. A second time it does nothing; and
    # so it does in a forked child, where nothing belongs to it.
    def close(grace: GRACE)
      return if @pid != Process.pid || @is_closed

      @workers.each { |worker| worker.stop(grace: grace) }
    ensure
      if @pid == Process.pid
        @is_closed = true
        @host.close
        @log_thread.join
        AtExit.remove(self)
      end
    end

    def closed?
      @is_closed
    end

    private

    def load_all(templates)
      Array(templates).each { |path| load_templates(path) }
    rescue StandardError
      close
      raise
    end

    LEVELS = { "error" => Logger::ERROR, "warn" => Logger::WARN, "info" => Logger::INFO }.freeze
    private_constant :LEVELS

    def pass_on_logs
      loop do
        line = @host.next_log(200)
        next if line.nil?

        values = line["fields"].map { |name, value| " #{name}=#{value}" }.join
        TaskerCore.logger.add(LEVELS.fetch(line["level"], Logger::DEBUG), "#{line['message']}#{values} (#{line['target']})")
      end
    rescue Errors::ClientError
      # The host is closed, and all that it logged has been passed on.
    end

    # What is open is closed when the program ends, the latest first: handlers end, and their outcomes are not lost.
    module AtExit
      @open = []
      @lock = Mutex.new

      class << self
        def add(tasker)
          @lock.synchronize do
            @hook ||= at_exit { close_all } || true
            @open << tasker
          end
        end

        def remove(tasker)
          @lock.synchronize { @open.delete(tasker) }
        end

        private

        def close_all
          @open.dup.reverse_each(&:close)
        end
      end
    end
    private_constant :AtExit
  end
end
