# frozen_string_literal: true

require "singleton"

module TaskerCore
  module Registry
    # The handlers of this process, by the names that templates call them by.
    #
    # A handler is a subclass of StepHandler::Base, an object with a method +call+, or a block. What the functional style
    # defines is registered by itself, and every subclass of StepHandler::Base that has a name can be called by it.
    class HandlerRegistry
      include Singleton

      def initialize
        clear
      end

      # Registers a class, an object or a block. Another handler of the same name takes the place of the first.
      def register_handler(name, handler = nil, &block)
        handler ||= block
        unless handler.respond_to?(:call) || handler_class?(handler)
          raise ArgumentError, "`#{name}`: a handler is a subclass of TaskerCore::StepHandler::Base, or has a method `call`"
        end

        @lock.synchronize { @handlers = @handlers.merge(name.to_s => handler).freeze }
        warn_if_late(name.to_s)
        handler
      end

      # Called by a worker that starts to serve these names.
      def serve(names)
        @served = names
      end

      # The handler to call, made anew if it is a class; nil if there is none of that name.
      def resolve_handler(name)
        handler = @handlers[name] || class_named(name)
        handler.is_a?(Class) && handler_class?(handler) ? handler.new : handler
      end

      # The names of all handlers, sorted.
      def registered_handlers
        (@handlers.keys + class_names).uniq.sort
      end

      def handler_registered?(name)
        @handlers.key?(name.to_s) || !class_named(name.to_s).nil?
      end

      # Takes a handler away; a class that has the name itself can still be called by it.
      def unregister_handler(name)
        @lock.synchronize { @handlers = @handlers.except(name.to_s).freeze }
      end

      # Forgets every handler, and every class that is known so far.
      def clear
        @lock = Mutex.new
        @served = nil
        @handlers = {}.freeze
        @classes = ObjectSpace::WeakMap.new
      end

      # Called when StepHandler::Base gets a subclass. Which name it has is seen later, when a worker starts.
      def remember_class(subclass)
        @lock.synchronize { @classes[subclass] = subclass }
      end

      private

      # The names of a worker are told when it starts.
      def warn_if_late(name)
        return if @served.nil? || @served.include?(name)

        TaskerCore.logger.warn("`#{name}` was registered after the worker had started: it is served from the next start on")
      end

      def handler_class?(handler)
        handler.is_a?(Class) && handler <= StepHandler::Base
      end

      # A class that was loaded again has the place of the one before, so names are looked up each time.
      def class_named(name)
        return unless name.match?(/\A[A-Z]\w*(::[A-Z]\w*)*\z/) && Object.const_defined?(name)

        found = Object.const_get(name)
        found if handler_class?(found)
      end

      def class_names
        @lock.synchronize { @classes.values }.filter_map do |known|
          name = known.name
          name if name && class_named(name).equal?(known) && !abstract?(known)
        end
      end

      # Nothing to call, or nothing yet: what the functional style makes handlers of.
      def abstract?(known)
        known.instance_method(:call).owner == StepHandler::Base ||
          (known <= StepHandler::Functional::Handler && known.block.nil?)
      end
    end
  end
end
