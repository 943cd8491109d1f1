use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use crate::{
    model::StepId,
    template::{Backoff, Retry},
};

/// How long to wait before the next attempt, after `failures` failed ones (from 1).
///
/// The jitter is drawn from the step's id and the number of failures, so that the same decision made twice gives the same
/// time, and steps that failed together do not come back together. `retry_after_ms`, where the handler's error has it,
/// is a lower bound that neither the cap nor the jitter touches.
#[must_use]
pub fn delay(policy: &Retry, failures: u32, step: StepId, retry_after_ms: Option<u64>) -> Duration {
    let factor = match policy.backoff {
        Backoff::None => 0,
        Backoff::Linear => u64::from(failures),
        Backoff::Exponential => 1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX),
        Backoff::Fibonacci => fibonacci(failures),
    };
    let backoff_ms = policy.backoff_base_ms.saturating_mul(factor).min(policy.max_backoff_ms);
    let spread_ms = spread(backoff_ms, policy.jitter, draw(step, failures)).min(policy.max_backoff_ms);
    Duration::from_millis(spread_ms.max(retry_after_ms.unwrap_or(0)))
}

fn fibonacci(n: u32) -> u64 {
    let (mut current, mut next) = (0u64, 1u64);
    for _ in 0..n {
        (current, next) = (next, current.saturating_add(next));
    }
    current
}

/// `ms` moved by at most half of itself times `jitter`, up or down as `drawn` (0 to 1) says.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "delays are at most days in milliseconds, far below 2^52, and never negative"
)]
fn spread(ms: u64, jitter: f64, drawn: f64) -> u64 {
    (ms as f64 * (1.0 + jitter.clamp(0.0, 1.0) * (drawn - 0.5))).round() as u64
}

fn draw(step: StepId, failures: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (step, failures).hash(&mut hasher);
    f64::from((hasher.finish() >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TaskId;

    fn delays(backoff: Backoff, jitter: f64) -> Vec<u64> {
        let policy = Retry { backoff, jitter, backoff_base_ms: 100, max_backoff_ms: 1_000, ..Retry::default() };
        let step = StepId::new(TaskId::new(), 0);
        (1..=6).map(|failures| u64::try_from(delay(&policy, failures, step, None).as_millis()).unwrap()).collect()
    }

    #[test]
    fn each_backoff_grows_in_its_way_up_to_the_cap() {
        assert_eq!(delays(Backoff::None, 0.0), [0, 0, 0, 0, 0, 0]);
        assert_eq!(delays(Backoff::Linear, 0.0), [100, 200, 300, 400, 500, 600]);
        assert_eq!(delays(Backoff::Exponential, 0.0), [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(delays(Backoff::Fibonacci, 0.0), [100, 100, 200, 300, 500, 800]);
    }

    #[test]
    fn jitter_spreads_around_the_delay_and_never_passes_the_cap() {
        for _ in 0..50 {
            let jittered = delays(Backoff::Linear, 1.0);
            for (jittered, exact) in jittered.iter().zip(delays(Backoff::Linear, 0.0)) {
                assert!((exact / 2..=exact * 3 / 2).contains(jittered) && *jittered <= 1_000, "{jittered} for {exact}");
            }
        }
        let many: std::collections::HashSet<_> = (0..50).map(|_| delays(Backoff::Linear, 1.0)[5]).collect();
        assert!(many.len() > 10, "steps that fail together come back at {} different times", many.len());
    }

    #[test]
    fn retry_after_is_a_lower_bound() {
        let step = StepId::new(TaskId::new(), 0);
        let policy = Retry { jitter: 0.0, ..Retry::default() };
        assert_eq!(delay(&policy, 1, step, Some(90_000)), Duration::from_secs(90));
        assert_eq!(delay(&policy, 3, step, Some(1)), Duration::from_secs(4));
    }

    #[test]
    fn a_hundred_failures_do_not_overflow() {
        let step = StepId::new(TaskId::new(), 0);
        for backoff in [Backoff::Linear, Backoff::Exponential, Backoff::Fibonacci] {
            let policy = Retry { backoff, max_backoff_ms: u64::MAX, backoff_base_ms: u64::MAX, ..Retry::default() };
            assert!(delay(&policy, 100, step, None) > Duration::ZERO);
        }
    }
}
