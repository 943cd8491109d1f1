//! When whoever follows the log looks for what nobody told it of.

use std::time::Duration;

/// The first look after something was found, and the longest between two.
const PAUSE: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));
/// The longest where every process tells of what it writes, as for workers.
const TOLD: Duration = Duration::from_secs(30);

/// The longer nothing happens, the rarer it looks.
#[derive(Debug)]
pub(super) struct Pace(Duration);

impl Pace {
    pub(super) fn new() -> Self {
        Self(PAUSE.0)
    }

    /// Something was found, or somebody tells of something. It may be in sight a little later only: what was written before it
    /// has to be through.
    pub(super) fn stir(&mut self) {
        self.0 = PAUSE.0;
    }

    /// Nothing was found: how long to rest, unless somebody tells of something. `is_told` is whether everybody would.
    pub(super) fn rest(&mut self, is_told: bool) -> Duration {
        let longest = if is_told { TOLD } else { PAUSE.1 };
        let rest = self.0.min(longest);
        self.0 = (rest * 2).min(longest);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_rarely_where_nothing_happens_and_everybody_would_tell() {
        let mut pace = Pace::new();
        let mut last = |is_told| (0..20).map(|_| pace.rest(is_told)).last();
        assert_eq!(last(false), Some(PAUSE.1));
        assert_eq!(last(true), Some(TOLD));
        assert_eq!(last(false), Some(PAUSE.1), "it is told no longer");
        pace.stir();
        assert_eq!(pace.rest(true), PAUSE.0);
    }
}
