# frozen_string_literal: true

module TaskerCore
  # Where a subscription goes on, whatever breaks off.
  class Subscription
    # How long one call waits for events, in milliseconds, and the longest between two records of what is done, in seconds.
    WAIT_MS = 20_000
    RECORD = 1.0
    # Seconds between two calls after one that failed: at first, and in the end.
    TRY_AGAIN = [0.1, 5.0].freeze

    # +calls+ has a method +next_events+; the query is what it takes.
    def initialize(calls, query)
      @calls = calls
      @query = query
      @is_named = query.key?(:subscription)
      @done = @recorded = nil
      @recorded_at = now
      @pause = TRY_AGAIN.first
    end

    # Yields each event, without end. What raises ends it; the event comes again to whoever goes on.
    def each
      loop do
        page = read or next
        page["items"].each do |item|
          yield item["event"]
          @done = item["cursor"]
          record if now - @recorded_at >= RECORD
        end
        @done = page["cursor"]
      end
    ensure
      record
    end

    private

    # The next page, or nil after what passes by itself.
    def read
      ask({ wait_ms: WAIT_MS })
    rescue Errors::ClientError => e
      raise unless e.transient?

      sleep(@pause * (0.5 + (rand / 2)))
      @pause = [@pause * 2, TRY_AGAIN.last].min
      nil
    end

    # Records what is done, so that it does not come again; what cannot be recorded comes again.
    def record
      ask({ limit: 0 }) if @is_named && @done != @recorded
    rescue Errors::ClientError
      nil
    end

    def ask(more)
      query = @query.merge(more)
      query[@is_named ? :done : :after] = @done if @done
      answer = @calls.next_events(query)
      @recorded = @done
      @recorded_at = now
      @pause = TRY_AGAIN.first
      answer
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
