use std::{sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::sleep};
use tracing::{debug, warn};

use super::{Engine, Result, wake::Roles};
use crate::{
    model::{Timestamp, Verdict},
    state::Input,
};

/// How many due steps and due tasks one sweep takes at most.
const SWEEP_MAX: u32 = 500;

/// How many times the interval one of many processes rests at most.
const RARER_MAX: u32 = 6;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Steps and tasks that were due.
    pub due: usize,
    /// The earliest time at which something else falls due; none if nothing waits.
    pub next_at: Option<Timestamp>,
}

/// Sweeps from time to time until it is dropped.
#[derive(Debug)]
pub struct Sweeper(JoinHandle<()>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// Repairs what time has broken: enqueues retries that are due, takes steps back from workers that went silent, ends
    /// tasks that ran out of time. Any process may do it at any moment.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn sweep(&self) -> Result<Swept> {
        let due = self.store.due(SWEEP_MAX).await?;
        let steps = due.steps.iter().map(|step| Input::StepDue { task_id: step.task_id, idx: step.idx });
        let tasks = due.tasks.iter().map(|task_id| Input::DeadlinePassed { task_id: *task_id });
        let inputs: Vec<_> = steps.chain(tasks).collect();
        if !inputs.is_empty() {
            let changes = self.apply(&inputs, None, None).await?;
            let settled = changes.verdicts.iter().filter(|verdict| **verdict == Verdict::Accepted).count();
            debug!(due = inputs.len(), settled, "swept");
        }
        Ok(Swept { due: inputs.len(), next_at: due.next_at })
    }

    /// Sweeps in the background: when something is known to fall due, and at least once an
    /// [`super::Options::sweep_interval`].
    #[must_use]
    pub fn start_sweeper(self: &Arc<Self>) -> Sweeper {
        self.wakeups.take_on(Roles::SWEEPS);
        let engine = Arc::downgrade(self);
        Sweeper(tokio::spawn(async move {
            while let Some(engine) = engine.upgrade() {
                engine.sweep_and_rest().await;
            }
        }))
    }

    async fn sweep_and_rest(&self) {
        let rest = match self.sweep().await {
            Ok(swept) if swept.due >= SWEEP_MAX as usize => Duration::ZERO,
            Ok(swept) => self.rest_until(swept.next_at).await,
            Err(error) => {
                warn!(%error, "the sweep failed and will be tried again");
                self.options.sweep_interval
            }
        };
        tokio::select! {
            () = sleep(rest) => {}
            () = self.wakeups.wait_due_changed() => {}
        }
    }

    /// The time to the next thing due, at most the interval; spread, so that many processes do not sweep in step.
    async fn rest_until(&self, next_at: Option<Timestamp>) -> Duration {
        // Together, those who know of each other sweep as often as one would, as long as that leaves each of them often enough.
        let others = u32::try_from(self.wakeups.other_sweepers()).unwrap_or(u32::MAX);
        let interval = self.options.sweep_interval * others.saturating_add(1).min(RARER_MAX);
        let interval = interval.mul_f64(0.75 + fastrand::f64() / 2.0);
        let Some(next_at) = next_at else { return interval };
        match self.store.now().await {
            // A millisecond more, so that it is due when it is looked for.
            Ok(now) => interval.min(next_at.since(now) + Duration::from_millis(1)),
            Err(_) => interval,
        }
    }
}
