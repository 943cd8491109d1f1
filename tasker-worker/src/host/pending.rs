use std::{
    panic::AssertUnwindSafe,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use futures::FutureExt;
use tokio::{runtime::Handle, task::AbortHandle};

use super::{Result, error};

/// Something that is under way. A thread waits for it a little at a time, so that it can look after its language's signals in
/// between; dropped, it is given up.
#[derive(Debug)]
pub struct Pending<T> {
    /// It has a place for the one answer, so that nobody waits to send it.
    receiver: Mutex<Receiver<Result<T>>>,
    task: AbortHandle,
}

impl<T: Send + 'static> Pending<T> {
    pub(super) fn spawn(handle: &Handle, work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(1);
        // It fails when the receiver is gone: then nobody waits any more.
        let task = handle.spawn(async move { drop(sender.send(ended(work).await)) });
        Self { receiver: Mutex::new(receiver), task: task.abort_handle() }
    }

    /// Waits at most `timeout`; none if it has not ended by then. The answer is handed out once; after it, and when the host
    /// was closed meanwhile, there is only `closed`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Result<T>> {
        match self.receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(timeout) {
            Ok(ended) => Some(ended),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(error::closed())),
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What `work` ends with; a panic is an error too.
pub(super) async fn ended<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(error::panicked(panic.as_ref())))
}
