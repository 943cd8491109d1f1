use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

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
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    runtime: Homed<Arc<Runtime>>,
    handle: Handle,
    /// Takers that wait.
    idle: AtomicUsize,
}

impl Worker {
    pub(super) fn new(runtime: Arc<Runtime>, handle: Handle) -> Self {
        Self(Arc::new(Inner { runtime: Homed::new(runtime), handle, idle: AtomicUsize::new(0) }))
    }

    /// The calling thread takes work from now on.
    #[must_use]
    pub fn taker(&self) -> Taker<'_> {
        Taker { worker: self, thread: thread::current().id() }
    }

    /// Threads that wait for work at the moment.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.0.idle.load(Ordering::Relaxed)
    }

    /// Like [`poll_ready`](Self::poll_ready), by the thread that [`set_wake`](Self::set_wake) calls, and which also
    /// [reports](Self::report): it looks after its report first.
    ///
    /// # Errors
    /// `forked`.
    pub fn poll_called(&self, max: usize) -> Result<Vec<Work>> {
        Ok(self.runtime()?.poll_called(max).into_iter().map(|taken| Work::new(taken, self, None)).collect())
    }

    /// Up to `max` things to do that are there already; it never waits.
    ///
    /// # Errors
    /// `forked`.
    pub fn poll_ready(&self, max: usize) -> Result<Vec<Work>> {
        Ok(self.runtime()?.poll_ready(max).into_iter().map(|taken| Work::new(taken, self, None)).collect())
    }

    /// Ends the wait of a thread in [`Taker::poll`] with this flag.
    ///
    /// # Errors
    /// `forked`.
    pub fn interrupt(&self, interrupt: &Interrupt) -> Result<()> {
        self.runtime()?.interrupt(interrupt);
        Ok(())
    }

    /// Has `wake` called whenever there is something to poll where there was nothing, on a thread of the host: it must
    /// return at once. Whoever is woken takes with [`poll_ready`](Self::poll_ready) until nothing is left.
    ///
    /// # Errors
    /// `forked`.
    pub fn set_wake(&self, wake: impl Fn() + Send + Sync + 'static) -> Result<()> {
        self.runtime()?.set_wake(wake);
        Ok(())
    }

    /// Takes the outcomes of attempts that were handed over, and does not wait. A result over the limit of its size becomes a
    /// permanent failure `result_too_large`.
    ///
    /// # Errors
    /// `forked`.
    pub fn report(&self, reports: Vec<Report>) -> Result<()> {
        let checked = reports.into_iter().map(|report| Report { outcome: checked(report.outcome), ..report });
        self.runtime()?.report_all(checked);
        Ok(())
    }

    /// Says that a handler is alive, and perhaps how far it has come. False when its outcome is no longer wanted.
    ///
    /// # Errors
    /// `forked`.
    pub fn heartbeat(&self, lease: Lease, progress: Option<Json>) -> Result<bool> {
        Ok(self.runtime()?.heartbeat(lease, progress))
    }

    /// Stores how far an attempt has come, for the next attempt to go on from, and extends its lease.
    ///
    /// # Errors
    /// `forked`; at the end `checkpoint_too_large`, `lease_lost` when the outcome is no longer wanted, or
    /// `checkpoint_failed` when it could not be stored and the handler may go on without.
    pub fn checkpoint(&self, lease: Lease, checkpoint: Checkpoint) -> Result<Pending<()>> {
        let runtime = Arc::clone(self.runtime()?);
        Ok(Pending::spawn(&self.0.handle, async move {
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
        Ok(self.runtime()?.stats())
    }

    /// The worker's id, as operators see it.
    ///
    /// # Errors
    /// `forked`.
    pub fn worker_id(&self) -> Result<String> {
        Ok(self.runtime()?.worker_id().to_string())
    }

    /// Begins to stop: nothing more is claimed, handlers run on for `grace`, those that are left are asked to stop, and
    /// every outcome is reported; then every poll gives [`Work::End`]. Ends within `grace` and eleven seconds.
    ///
    /// # Errors
    /// `forked`.
    pub fn shutdown(&self, grace: Duration) -> Result<Pending<Drained>> {
        let runtime = Arc::clone(self.runtime()?);
        Ok(Pending::spawn(&self.0.handle, async move { Ok(runtime.shutdown(grace).await) }))
    }

    fn runtime(&self) -> Result<&Arc<Runtime>> {
        self.0.runtime.get()
    }
}

/// A thread that runs what it takes, one after the other. What it answers itself it carries away with its next poll, if there is
/// nothing else to do; however it ends, nothing is left behind.
#[derive(Debug)]
pub struct Taker<'w> {
    worker: &'w Worker,
    thread: ThreadId,
}

impl Taker<'_> {
    /// The next thing to do, waited for at most `timeout`; none if there is nothing, or if [`Worker::interrupt`] is called
    /// with the same flag. After the end it is [`Work::End`] for ever.
    ///
    /// # Errors
    /// `forked`.
    pub fn poll(&self, timeout: Duration, interrupt: &Interrupt) -> Result<Option<Work>> {
        let Worker(inner) = self.worker;
        inner.idle.fetch_add(1, Ordering::Relaxed);
        let taken = self.worker.runtime().map(|runtime| runtime.poll_blocking(timeout, interrupt));
        inner.idle.fetch_sub(1, Ordering::Relaxed);
        Ok(taken?.map(|taken| Work::new(taken, self.worker, Some(self.thread))))
    }

    /// The next thing to do, if it is there already.
    ///
    /// # Errors
    /// `forked`.
    pub fn poll_ready(&self) -> Result<Option<Work>> {
        let taken = self.worker.runtime()?.poll_ready(1).pop();
        Ok(taken.map(|taken| Work::new(taken, self.worker, Some(self.thread))))
    }
}

impl Drop for Taker<'_> {
    fn drop(&mut self) {
        // In a forked child there is nobody to send anything to.
        if let Ok(runtime) = self.worker.runtime() {
            runtime.send();
        }
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
        f.debug_struct("Worker").field("runtime", &self.runtime().ok()).finish()
    }
}
