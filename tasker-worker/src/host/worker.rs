use std::{sync::Arc, time::Duration};

use tasker_core::model::{Checkpoint, Json, Lease, Report, limits};
use tokio::runtime::Handle;

use super::{Pending, Result, Work, home::Homed, refused};
use crate::{
    handler::checked,
    runtime::{Drained, Interrupt, Runtime, Stats},
};

/// A worker of a [`Host`](super::Host), as its binding sees it: where threads take work and leave outcomes.
pub struct Worker {
    runtime: Homed<Arc<Runtime>>,
    handle: Handle,
}

impl Worker {
    pub(super) fn new(runtime: Arc<Runtime>, handle: Handle) -> Self {
        Self { runtime: Homed::new(runtime), handle }
    }

    /// The next thing to do, waited for at most `timeout`; none if there is nothing, or if [`interrupt`](Self::interrupt) is
    /// called with the same flag. After the end it is [`Work::End`] for ever.
    ///
    /// # Errors
    /// `forked`.
    pub fn poll(&self, timeout: Duration, interrupt: &Interrupt) -> Result<Option<Work>> {
        Ok(self.runtime.get()?.poll_blocking(timeout, interrupt).map(Work::new))
    }

    /// Up to `max` things to do that are there already; it never waits.
    ///
    /// # Errors
    /// `forked`.
    pub fn poll_ready(&self, max: usize) -> Result<Vec<Work>> {
        Ok(self.runtime.get()?.poll_ready(max).into_iter().map(Work::new).collect())
    }

    /// Ends the wait of a thread in [`poll`](Self::poll) with this flag.
    ///
    /// # Errors
    /// `forked`.
    pub fn interrupt(&self, interrupt: &Interrupt) -> Result<()> {
        self.runtime.get()?.interrupt(interrupt);
        Ok(())
    }

    /// Has `wake` called whenever there is something to poll where there was nothing, on a thread of the host: it must
    /// return at once. Whoever is woken takes with [`poll_ready`](Self::poll_ready) until nothing is left.
    ///
    /// # Errors
    /// `forked`.
    pub fn set_wake(&self, wake: impl Fn() + Send + Sync + 'static) -> Result<()> {
        self.runtime.get()?.set_wake(wake);
        Ok(())
    }

    /// Takes the outcome of an attempt that was handed over, and returns at once. A result over the limit of its size
    /// becomes a permanent failure `result_too_large`.
    ///
    /// # Errors
    /// `forked`.
    pub fn report(&self, report: Report) -> Result<()> {
        let outcome = checked(report.outcome);
        self.runtime.get()?.report(Report { outcome, ..report });
        Ok(())
    }

    /// Says that a handler is alive, and perhaps how far it has come. False when its outcome is no longer wanted.
    ///
    /// # Errors
    /// `forked`.
    pub fn heartbeat(&self, lease: Lease, progress: Option<Json>) -> Result<bool> {
        Ok(self.runtime.get()?.heartbeat(lease, progress))
    }

    /// Begins to store how far an attempt has come, for the next one to go on from; `checkpoint` is the JSON of a
    /// [`Checkpoint`]. It ends with false when the lease is lost: nothing was stored then.
    ///
    /// # Errors
    /// `checkpoint_invalid`, `checkpoint_too_large`, `forked`; with its end also what keeps it from being stored.
    pub fn checkpoint(&self, lease: Lease, checkpoint: &Json) -> Result<Pending<bool>> {
        let checkpoint: Checkpoint = checkpoint
            .to()
            .map_err(|error| refused("checkpoint_invalid", error.to_string(), "give it a cursor"))?;
        let (size, limit) = (checkpoint.size(), limits::PAYLOAD_BYTES);
        if size > limit {
            let message = format!("the checkpoint has {size} bytes and the limit is {limit}");
            return Err(refused("checkpoint_too_large", message, "store the data elsewhere, and keep where it is"));
        }
        let runtime = Arc::clone(self.runtime.get()?);
        Ok(Pending::spawn(&self.handle, async move { Ok(runtime.checkpoint(lease, &checkpoint).await?) }))
    }

    /// What the worker is doing at the moment.
    ///
    /// # Errors
    /// `forked`.
    pub fn stats(&self) -> Result<Stats> {
        Ok(self.runtime.get()?.stats())
    }

    /// The worker's id, as operators see it.
    ///
    /// # Errors
    /// `forked`.
    pub fn worker_id(&self) -> Result<String> {
        Ok(self.runtime.get()?.worker_id().to_string())
    }

    /// Begins to stop: nothing more is claimed, handlers run on for `grace`, those that are left are asked to stop, and
    /// every outcome is reported; then every poll gives [`Work::End`]. Ends within `grace` and eleven seconds.
    ///
    /// # Errors
    /// `forked`.
    pub fn shutdown(&self, grace: Duration) -> Result<Pending<Drained>> {
        let runtime = Arc::clone(self.runtime.get()?);
        Ok(Pending::spawn(&self.handle, async move { Ok(runtime.shutdown(grace).await) }))
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("runtime", &self.runtime.get().ok()).finish()
    }
}
