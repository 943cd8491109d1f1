use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::coordinator::Error;

/// The time in which one kind of call keeps failing: how long to wait before the next try, and what is logged about it
/// (its beginning and its end, not every try).
#[derive(Debug)]
pub(super) struct Outage {
    /// What cannot be done meanwhile.
    what: &'static str,
    since: Option<Instant>,
    tries: u32,
    delay: Duration,
}

const DELAY_MIN: Duration = Duration::from_millis(50);
const DELAY_MAX: Duration = Duration::from_secs(5);

impl Outage {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, since: None, tries: 0, delay: DELAY_MIN }
    }

    /// A call has failed; answers how long to wait before the next.
    pub(super) fn failed(&mut self, error: &Error, now: Instant) -> Duration {
        if self.since.is_none() {
            self.since = Some(now);
            if error.is_transient() {
                warn!(%error, "{} fails and is tried again until it succeeds", self.what);
            } else {
                error!(%error, code = error.code(), "{} is refused and is tried again until it succeeds", self.what);
            }
        }
        self.tries += 1;
        let delay = self.delay.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.delay = (self.delay * 2).min(DELAY_MAX);
        delay
    }

    /// Calls that have failed since the last that succeeded.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    pub(super) fn succeeded(&mut self, now: Instant) {
        self.tries = 0;
        self.delay = DELAY_MIN;
        if let Some(since) = self.since.take() {
            info!(after = ?now.duration_since(since), "{} succeeds again", self.what);
        }
    }
}
