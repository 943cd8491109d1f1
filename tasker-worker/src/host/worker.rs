use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tasker_core::{
    model::{Checkpoint, ErrorKind, Json, Lease, Report},
    view::ErrorView,
};
use tokio::runtime::Handle;

use super::{Pending, Result, Work, home::Homed};
use crate::{
    coordinator,
    handler::{Checkpoints, checked, store_checkpoint},
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

    /// Has outcomes sent that were [left](super::Attempt::leave) by a thread which does not poll again.
    ///
    /// # Errors
    /// `forked`.
    pub fn send(&self) -> Result<()> {
        self.runtime.get()?.send();
        Ok(())
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

    /// Stores how far an attempt has come, for the next attempt to go on from, and extends its lease.
    ///
    /// # Errors
    /// `forked`; at the end `checkpoint_too_large`, `lease_lost` when the outcome is no longer wanted, or
    /// `checkpoint_failed` when it could not be stored and the handler may go on without.
    pub fn checkpoint(&self, lease: Lease, checkpoint: Checkpoint) -> Result<Pending<()>> {
        let runtime = Arc::clone(self.runtime.get()?);
        Ok(Pending::spawn(&self.handle, async move {
            store_checkpoint(runtime.as_ref(), lease, &checkpoint).await.map_err(|error| {
                let view = ErrorView::new(error.code, error.message, "let the handler end, or go on without");
                ErrorView { is_transient: error.kind == ErrorKind::Retryable, ..view }.into()
            })
        }))
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

#[async_trait]
impl Checkpoints for Runtime {
    async fn put(&self, lease: Lease, checkpoint: &Checkpoint) -> Result<bool, coordinator::Error> {
        self.checkpoint(lease, checkpoint).await
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("runtime", &self.runtime.get().ok()).finish()
    }
}
