/// Marsaglia's xorshift with 32 bits: not random in any serious sense, but the same few lines in every language.
#[derive(Debug)]
pub struct Random(u32);

impl Random {
    /// The numbers of one stream of a seed.
    #[must_use]
    pub fn new(seed: u32, stream: u32) -> Self {
        // Zero is the one state that never leaves itself.
        let mut random = Self((seed.wrapping_mul(2_654_435_769) ^ stream.wrapping_mul(40_503)).max(1));
        for _ in 0..8 {
            random.next();
        }
        random
    }

    /// A number from 0 up to and without `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }

    /// True once in `times` times.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.next() as usize % choices.len()]
    }

    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}
