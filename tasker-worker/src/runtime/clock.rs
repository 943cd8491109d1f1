use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::shared::Shared;

/// Ends attempts that run out of time. Runs until it is aborted.
pub(super) async fn watch_timeouts(shared: Arc<Shared>) {
    loop {
        match shared.update(|ledger| ledger.time_out(Instant::now())) {
            Some(next_at) => tokio::select! {
                () = sleep_until(next_at) => {}
                () = shared.clock.notified() => {}
            },
            None => shared.clock.notified().await,
        }
    }
}
