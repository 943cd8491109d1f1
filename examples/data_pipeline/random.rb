# frozen_string_literal: true

module DataPipeline
  # Marsaglia's xorshift with 32 bits: not random in any serious sense, but the same few lines in every language.
  class Random
    BITS = 0xffff_ffff
    private_constant :BITS

    # The numbers of one stream of a seed.
    def initialize(seed, stream)
      # Zero is the one state that never leaves itself.
      @state = [((seed * 2_654_435_769) & BITS) ^ ((stream * 40_503) & BITS), 1].max
      8.times { advance }
    end

    # A number from 0 up to and without +limit+.
    def below(limit)
      advance % limit
    end

    # True once in +times+ times.
    def one_in?(times)
      below(times).zero?
    end

    def one_of(choices)
      choices[advance % choices.size]
    end

    private

    def advance
      @state ^= (@state << 13) & BITS
      @state ^= @state >> 17
      @state ^= (@state << 5) & BITS
    end
  end
end
