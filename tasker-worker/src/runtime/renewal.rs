use std::{sync::Arc, time::Duration};

use tasker_core::{model::Lease, store::WorkerRecord};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::info;

use super::{outage::Outage, shared::Shared};
use crate::coordinator::{Coordinator, Result};

/// Between two times that a worker says that it is there.
const JOIN_INTERVAL: Duration = Duration::from_secs(30);

/// Extends the leases of what is held, and says from time to time that the worker is there.
pub(super) struct Renewal {
    shared: Arc<Shared>,
    coordinator: Arc<dyn Coordinator>,
    worker: WorkerRecord,
    outage: Outage,
    join_at: Instant,
}

impl Renewal {
    pub(super) fn new(shared: Arc<Shared>, coordinator: Arc<dyn Coordinator>, worker: WorkerRecord) -> Self {
        let join_at = Instant::now() + JOIN_INTERVAL;
        Self { shared, coordinator, worker, outage: Outage::new("extending leases"), join_at }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            if let Err(error) = self.renew(now).await {
                let delay = self.outage.failed(&error, Instant::now());
                sleep(delay).await;
                continue;
            }
            self.outage.succeeded(Instant::now());
            let due_at = self.shared.ledger().plan_renewal();
            let next_at = due_at.map_or(self.join_at, |due_at| due_at.min(self.join_at));
            tokio::select! {
                () = sleep_until(next_at) => {}
                () = self.shared.renewal.notified() => {}
            }
        }
    }

    async fn renew(&mut self, now: Instant) -> Result<()> {
        let due = self.shared.ledger().leases_due(now);
        if !due.is_empty() {
            self.extend(&due, now).await?;
        }
        if now >= self.join_at {
            self.coordinator.join(&self.worker).await?;
            self.join_at = now + JOIN_INTERVAL;
        }
        Ok(())
    }

    async fn extend(&self, leases: &[Lease], asked_at: Instant) -> Result<()> {
        let extended = self.coordinator.extend(leases).await?;
        self.shared.update(|ledger| {
            for (lease, until) in leases.iter().zip(extended) {
                if until.is_some() {
                    ledger.extended(*lease, asked_at);
                } else {
                    let (task_id, step, attempt) = (lease.task_id, lease.step_idx, lease.attempt);
                    info!(%task_id, step, attempt, "a lease was lost; its handler is cancelled");
                    ledger.lose(*lease);
                }
            }
        });
        Ok(())
    }
}
