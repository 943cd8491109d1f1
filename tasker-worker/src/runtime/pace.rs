use std::time::Duration;

use tasker_core::state::Look;
use tokio::time::Instant;

/// When and where the pump looks for steps: pure, so that it can be told the time.
#[derive(Debug)]
pub(super) struct Pace {
    interval_min: Duration,
    interval_max: Duration,
    interval: Duration,
    /// Every process tells of the steps that it enqueues.
    is_told: bool,
    /// When the queues were last certainly looked into.
    looked_at: Instant,
    /// When they are looked into again although they are believed to be empty.
    poll_at: Instant,
    is_believed_empty: bool,
    /// How often something has hinted at steps in the queues.
    hints: u64,
}

/// While what becomes ready in each report fills every slot, the queues are looked into this often all the same. Otherwise a
/// crowd of long chains would hand its successors to itself for ever, and an urgent step in the queue would starve.
const FAIR_LOOK: Duration = Duration::from_millis(50);

/// How many times the interval may pass between two looks where every process tells of its steps.
const RARER: u32 = 30;

impl Pace {
    pub(super) fn new(interval_max: Duration, now: Instant) -> Self {
        let interval_min = (interval_max / 200).max(Duration::from_millis(1));
        let interval_max = interval_max.max(interval_min);
        Self {
            interval_min,
            interval_max,
            interval: interval_min,
            is_told: false,
            looked_at: now,
            poll_at: now,
            is_believed_empty: false,
            hints: 0,
        }
    }

    /// Whether every process tells of steps that may be claimed: where that is so, the queues are looked into more rarely while
    /// nobody does.
    pub(super) fn set_told(&mut self, is_told: bool, now: Instant) {
        if self.is_told && !is_told {
            self.poll_at = self.poll_at.min(now + self.interval_max);
        }
        self.is_told = is_told;
    }

    /// Where a report that wants steps should look for them at this moment.
    pub(super) fn look(&self, now: Instant, want: usize) -> Look {
        if want == 0 {
            Look::Nowhere
        } else if self.is_believed_empty {
            if now >= self.poll_at { Look::IfShort } else { Look::Nowhere }
        } else if now >= self.looked_at + FAIR_LOOK {
            Look::Always
        } else {
            Look::IfShort
        }
    }

    /// When to look although nobody has said that there is anything.
    pub(super) fn poll_at(&self) -> Instant {
        self.poll_at
    }

    /// There may be steps.
    pub(super) fn wake(&mut self) {
        self.hint();
        self.interval = self.interval_min;
    }

    /// Whether the last look found nothing, and nothing has hinted at anything since.
    pub(super) fn is_believed_empty(&self) -> bool {
        self.is_believed_empty
    }

    /// Grows with everything that hints at steps in the queues.
    pub(super) fn hints(&self) -> u64 {
        self.hints
    }

    fn longest(&self) -> Duration {
        if self.is_told { self.interval_max * RARER } else { self.interval_max }
    }

    fn hint(&mut self) {
        self.is_believed_empty = false;
        self.hints += 1;
    }

    /// A look has brought so many of the steps that were wanted; `is_from_queue` if any of them lay in a queue, and did not
    /// become ready by the report itself. `hints` is what [`hints`](Self::hints) said when it left: a look that found nothing
    /// says nothing about steps that were enqueued meanwhile.
    pub(super) fn looked(
        &mut self,
        now: Instant,
        look: Look,
        want: usize,
        brought: usize,
        is_from_queue: bool,
        hints: u64,
    ) {
        let is_short = brought < want;
        if look == Look::Nowhere {
            // Where every slot was filled, more may be ready than could be taken.
            if !is_short {
                self.hint();
            }
            return;
        }
        self.is_believed_empty = is_short && hints == self.hints;
        if is_short || look == Look::Always {
            self.looked_at = now;
        }
        if is_from_queue {
            self.interval = self.interval_min;
        } else if is_short {
            self.interval = (self.interval * 2).min(self.longest());
        }
        // Spread, so that workers which fell idle together do not poll together.
        self.poll_at = now + self.interval.mul_f64(0.75 + fastrand::f64() / 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(1);

    fn pace() -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(MAX, now), now)
    }

    #[test]
    fn a_look_that_brought_too_little_makes_the_next_reports_look_nowhere() {
        let (mut pace, now) = pace();
        assert_eq!(pace.look(now, 0), Look::Nowhere);
        assert_eq!(pace.look(now, 4), Look::IfShort);
        pace.looked(now, Look::IfShort, 4, 3, true, pace.hints());
        assert_eq!(pace.look(now, 4), Look::Nowhere);
        pace.wake();
        assert_eq!(pace.look(now, 4), Look::IfShort);
    }

    #[test]
    fn a_look_that_brought_too_little_does_not_outweigh_a_hint_that_came_meanwhile() {
        let (mut pace, now) = pace();
        let hints = pace.hints();
        pace.wake();
        pace.looked(now, Look::IfShort, 4, 0, false, hints);
        assert_eq!(pace.look(now, 4), Look::IfShort);
        let hints = pace.hints();
        pace.looked(now, Look::IfShort, 4, 0, false, hints);
        assert_eq!(pace.look(now, 4), Look::Nowhere);
    }

    #[test]
    fn what_fills_every_slot_hints_at_more() {
        let (mut pace, now) = pace();
        pace.looked(now, Look::IfShort, 4, 0, false, pace.hints());
        pace.looked(now, Look::Nowhere, 1, 0, false, pace.hints());
        assert_eq!(pace.look(now, 4), Look::Nowhere);
        pace.looked(now, Look::Nowhere, 1, 1, false, pace.hints());
        assert_eq!(pace.look(now, 4), Look::IfShort);
    }

    #[test]
    fn the_queues_are_looked_into_although_chains_fill_every_slot() {
        let (mut pace, start) = pace();
        let mut always = Vec::new();
        for millis in 0..200 {
            let now = start + Duration::from_millis(millis);
            let look = pace.look(now, 4);
            if look == Look::Always {
                always.push(millis);
            }
            pace.looked(now, look, 4, 4, false, pace.hints());
        }
        assert_eq!(always, [50, 100, 150]);
    }

    #[test]
    fn polls_grow_rarer_up_to_the_longest_interval_and_work_from_a_queue_resets_them() {
        let (mut pace, mut now) = pace();
        let mut pauses = Vec::new();
        for _ in 0..20 {
            pace.looked(now, Look::IfShort, 4, 0, false, pace.hints());
            pauses.push(pace.poll_at() - now);
            assert_eq!(pace.look(pace.poll_at() - Duration::from_micros(1), 4), Look::Nowhere);
            now = pace.poll_at();
            assert_eq!(pace.look(now, 4), Look::IfShort);
        }
        assert!(pauses[0] < MAX / 50 && pauses.iter().all(|pause| *pause <= MAX.mul_f64(1.25)));
        assert!(pauses[10..].iter().all(|pause| *pause >= MAX.mul_f64(0.75)));
        pace.looked(now, Look::IfShort, 4, 1, true, pace.hints());
        assert!(pace.poll_at() - now < MAX / 50);
    }

    /// Nobody tells a worker of steps that it left in the queue itself, or whose task was locked just then.
    #[test]
    fn what_came_from_a_queue_is_followed_by_a_look_soon_also_where_every_process_tells() {
        let (mut pace, now) = pace();
        pace.set_told(true, now);
        for brought in [4, 1] {
            pace.looked(now, Look::IfShort, 4, brought, true, pace.hints());
            assert!(pace.poll_at() - now < MAX / 50, "after {brought} of 4");
        }
    }
}
