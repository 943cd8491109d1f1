# frozen_string_literal: true

require "logger"

module TaskerCore
  # Logs go to Ruby's Logger: those of handlers, and those of the engine and worker beneath. Within a handler each line
  # names the task, the step, the attempt and, where there is one, the correlation id.
  module Logging
    KEY = :tasker_core_log_ids

    # A logger that adds the ids of the attempt to each line.
    class Tagged < SimpleDelegator
      %i[debug info warn error fatal unknown].each do |level|
        severity = Logger.const_get(level.to_s.upcase)
        define_method(level) { |text = nil, &block| add(severity, nil, text, &block) }
      end

      def add(severity, message = nil, progname = nil, &block)
        message = block&.call || progname if message.nil?
        ids = Logging.ids
        message = "#{message} #{ids}" if ids && !message.nil?
        __getobj__.add(severity, message, "tasker")
      end
      alias log add
    end

    module_function

    # The ids of the attempt that this thread runs, as they stand in the log; nil outside of handlers.
    def ids
      Thread.current[KEY]&.text
    end

    # Runs the block with the ids of an attempt.
    def with_ids(context)
      before = Thread.current[KEY]
      Thread.current[KEY] = Ids.new(context)
      yield
    ensure
      Thread.current[KEY] = before
    end

    # Written out only when a line is logged.
    class Ids
      def initialize(context)
        @context = context
      end

      def text
        @text ||= begin
          text = "task=#{@context.task_uuid} step=#{@context.step_name} attempt=#{@context.attempt}"
          @context.correlation_id ? "#{text} correlation_id=#{@context.correlation_id}" : text
        end
      end
    end
  end

  class << self
    # The logger of handlers, engine and worker: Ruby's own on the standard error output, unless another was set.
    def logger
      @logger ||= Logging::Tagged.new(Logger.new($stderr, level: log_level))
    end

    # +TaskerCore.logger = Rails.logger+
    def logger=(logger)
      @logger = logger.is_a?(Logging::Tagged) ? logger : Logging::Tagged.new(logger)
    end

    private

    # TASKER_LOG may name levels for single modules of Rust; those pass here.
    def log_level
      named = ENV.fetch("TASKER_LOG", "")
      named = "info" if named.empty?
      Logger::Severity.const_get({ "trace" => "DEBUG", "off" => "UNKNOWN" }.fetch(named, named.upcase))
    rescue NameError
      Logger::DEBUG
    end
  end
end
