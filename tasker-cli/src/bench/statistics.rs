use std::time::Duration;

use serde::Serialize;

/// Half, 95 % and 99 % of the times are at most this many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

impl Quantiles {
    /// By nearest rank; all zero without times.
    pub(super) fn of(times: &[Duration]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            let time = sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default();
            time.as_secs_f64() * 1_000.0
        };
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(millis: impl Iterator<Item = u64>) -> [f64; 3] {
        let times: Vec<_> = millis.map(Duration::from_millis).collect();
        let Quantiles { p50, p95, p99 } = Quantiles::of(&times);
        [p50, p95, p99]
    }

    #[test]
    fn quantiles_are_times_that_were_measured() {
        assert_eq!(quantiles((1..=100).rev()), [50.0, 95.0, 99.0]);
        assert_eq!(quantiles(1..=10), [5.0, 10.0, 10.0]);
        assert_eq!(quantiles([7, 3].into_iter()), [3.0, 7.0, 7.0]);
        assert_eq!(quantiles([7].into_iter()), [7.0, 7.0, 7.0]);
        assert_eq!(quantiles([].into_iter()), [0.0, 0.0, 0.0]);
    }
}
