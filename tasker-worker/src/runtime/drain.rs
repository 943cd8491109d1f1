use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{error, info};

use super::{
    Runtime,
    ledger::{Ledger, Phase},
};

/// How a worker came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Handlers that had not ended when the worker did; their steps run again elsewhere.
    pub abandoned: usize,
    /// Outcomes that the coordinator did not take in time; their leases run out, and their steps run again.
    pub undelivered: usize,
}

/// How long handlers that were asked to stop have for it.
const STOP_TIME: Duration = Duration::from_secs(1);
/// How long the last outcomes are offered to a coordinator that does not take them.
const FLUSH_TIME: Duration = Duration::from_secs(10);

impl Runtime {
    /// Stops claiming, gives back what no handler has begun, lets handlers run on for `grace`, asks those that are left to
    /// stop, and reports every outcome; then every poll gives [`super::Taken::End`]. Takes at most `grace` and eleven
    /// seconds. A second call waits for the end of the first.
    pub async fn shutdown(&self, grace: Duration) -> Drained {
        let mut drained = self.drained.lock().await;
        if let Some(drained) = *drained {
            return drained;
        }
        let first = self.drain(grace).await;
        *drained = Some(first);
        first
    }

    async fn drain(&self, grace: Duration) -> Drained {
        let shared = &self.shared;
        let until = Instant::now() + grace;
        shared.update(|ledger| {
            ledger.enter(Phase::Draining);
            ledger.release_waiting();
        });
        if !self.settle(until, Ledger::is_idle).await {
            shared.update(Ledger::stop_all);
            self.settle(Instant::now() + STOP_TIME, Ledger::is_idle).await;
        }
        let abandoned = shared.update(Ledger::abandon_all);
        let is_flushed = self.settle(Instant::now() + FLUSH_TIME, Ledger::is_flushed).await;
        let undelivered = if is_flushed { 0 } else { shared.ledger().stats().outcomes };
        self.close();
        if undelivered > 0 {
            error!(undelivered, "the worker stopped before its last outcomes were taken; their steps will run again");
        }
        info!(abandoned, "the worker has stopped");
        Drained { abandoned, undelivered }
    }

    /// Waits until the ledger is as wanted; false if the time is over before.
    async fn settle(&self, until: Instant, is_settled: impl Fn(&Ledger) -> bool) -> bool {
        loop {
            if is_settled(&self.shared.ledger()) {
                return true;
            }
            if timeout_at(until, self.shared.settled.notified()).await.is_err() {
                return is_settled(&self.shared.ledger());
            }
        }
    }
}
