//! How fast a relay may carry, where it is not to take more from the machine that it shares with the work.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

/// A bound on events a second. What was carried has its share of the time to itself, and then the next may follow.
#[derive(Debug)]
pub(super) struct Throttle {
    max_rate: Option<NonZeroU32>,
    free_at: Instant,
}

/// A limited relay goes about so often in a second.
const STRIDES: u32 = 20;

impl Throttle {
    pub(super) fn new(max_rate: Option<NonZeroU32>, now: Instant) -> Self {
        Self { max_rate, free_at: now }
    }

    /// When the next events may be carried; none for at once.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        (self.free_at > now).then_some(self.free_at)
    }

    /// Events to carry at once; none for any number.
    pub(super) fn stride(&self) -> Option<usize> {
        self.max_rate.map(|rate| (rate.get() / STRIDES).max(1) as usize)
    }

    pub(super) fn carried(&mut self, events: usize, now: Instant) {
        if let Some(rate) = self.max_rate {
            let span = Duration::from_secs(1) / rate.get() * u32::try_from(events).unwrap_or(u32::MAX);
            // The time that it took to find and to send them is part of their share; idle time is not.
            let earliest = now.checked_sub(Duration::from_secs(1) / STRIDES).unwrap_or(now);
            self.free_at = self.free_at.max(earliest) + span;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_takes_its_time_and_no_time_is_saved_up() {
        let began = Instant::now();
        let mut throttle = Throttle::new(NonZeroU32::new(1_000), began);
        assert_eq!(throttle.wait(began), None, "the first go at once");
        throttle.carried(500, began);
        let half = began + Duration::from_millis(500);
        assert_eq!(throttle.wait(began), Some(half));
        throttle.carried(100, began);
        assert_eq!(throttle.wait(half), Some(half + Duration::from_millis(100)), "more than it may is owed");
        let later = began + Duration::from_secs(60);
        assert_eq!(throttle.wait(later), None);
        throttle.carried(1_000, later);
        let stride = Duration::from_millis(50);
        assert_eq!(throttle.wait(later), Some(later + Duration::from_secs(1) - stride), "an idle minute is no credit");
        throttle.carried(100, later + Duration::from_millis(970));
        let due = later + Duration::from_millis(1_050);
        assert_eq!(throttle.wait(later), Some(due), "what is a little late makes up for it");
    }

    #[test]
    fn without_a_bound_nothing_waits() {
        let now = Instant::now();
        let mut throttle = Throttle::new(None, now);
        throttle.carried(usize::MAX, now);
        assert_eq!((throttle.wait(now), throttle.stride()), (None, None));
        let strides = [1, 1_000].map(|rate| Throttle::new(NonZeroU32::new(rate), now).stride());
        assert_eq!(strides, [Some(1), Some(50)]);
    }
}
