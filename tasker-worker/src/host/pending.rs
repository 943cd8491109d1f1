use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use futures::FutureExt;
use tokio::{runtime::Handle, task::AbortHandle};

use super::{Result, error};
use crate::here::{Driven, Here};

/// Something that is under way. A thread waits for it a little at a time, so that it can look after its language's signals in
/// between; dropped, it is given up.
pub struct Pending<T>(Way<T>);

enum Way<T> {
    /// A task does it. The channel has a place for the one answer, so that nobody waits to send it.
    Task { receiver: Mutex<Receiver<Result<T>>>, task: AbortHandle },
    /// The thread that waits does it; none once it has ended.
    Here { work: Mutex<Option<Work<T>>>, here: Arc<Here> },
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

impl<T: Send + 'static> Pending<T> {
    /// What goes on whether somebody waits or not.
    pub(super) fn spawn(handle: &Handle, work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(1);
        // It fails when the receiver is gone: then nobody waits any more.
        let task = handle.spawn(async move { drop(sender.send(ended(work).await)) });
        Self(Way::Task { receiver: Mutex::new(receiver), task: task.abort_handle() })
    }

    /// What goes on while somebody waits: that costs no other thread.
    pub(super) fn here(here: &Arc<Here>, work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self(Way::Here { work: Mutex::new(Some(Box::pin(ended(work)))), here: Arc::clone(here) })
    }

    /// Waits at most `timeout`; none if it has not ended by then. The answer is handed out once; after it, and when the host
    /// was closed meanwhile, there is only `closed`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Result<T>> {
        match &self.0 {
            Way::Task { receiver, .. } => {
                match receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(timeout) {
                    Ok(ended) => Some(ended),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => Some(Err(error::closed())),
                }
            }
            Way::Here { work, here } => {
                let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
                let driven = work.as_mut().map_or(Driven::Closed, |work| here.drive(work.as_mut(), timeout));
                let ended = match driven {
                    Driven::Open => return None,
                    Driven::Ended(ended) => ended,
                    Driven::Closed => Err(error::closed()),
                };
                *work = None;
                Some(ended)
            }
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if let Way::Task { task, .. } = &self.0 {
            task.abort();
        }
    }
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

/// What `work` ends with; a panic is an error too.
pub(super) async fn ended<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(error::panicked(panic.as_ref())))
}
