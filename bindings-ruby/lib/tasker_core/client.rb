# frozen_string_literal: true

module TaskerCore
  # Calls of an application that runs no steps itself. As an object with a URL and a key of its own:
  #
  #   client = TaskerCore::Client.new("https://tasker.example", api_key: key)
  #   client.create_task("order", namespace: "shop", context: { cart: 7 })
  #
  # or as a whole, on the worker of this process if there is one, else on TASKER_API_URL or DATABASE_URL:
  #
  #   TaskerCore::Client.create_task(name: "order", namespace: "shop", context: { cart: 7 })
  class Client
    include Calls

    def initialize(url = nil, **options)
      @tasker = Tasker.new(url, **options)
    end

    def call(method, parameters = {})
      @tasker.call(method, parameters)
    end

    def close
      @tasker.close
    end

    def closed?
      @tasker.closed?
    end

    class << self
      # Calls of the application as a whole go here.
      def default
        running = Worker::Bootstrap.instance
        return running.tasker if running&.running?

        LOCK.synchronize do
          # A forked child needs one of its own.
          @default = nil if @default && (@pid != Process.pid || @default.closed?)
          @pid = Process.pid
          @default ||= new
        end
      end

      def create_task(name:, **options)
        default.create_task(name, **options)
      end

      extend Forwardable
      def_delegators :default, *(Calls.public_instance_methods - %i[create_task])
    end

    LOCK = Mutex.new
    private_constant :LOCK
  end
end
