use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::store::{Result, Store};

/// One thing to write that may share a transaction with others of its kind.
#[async_trait]
pub(super) trait Grouped: Sized + Send + 'static {
    type Written: Send;

    /// Writes all of them in one transaction; one answer for each, in order.
    async fn write(store: &dyn Store, batch: &[Self]) -> Result<Vec<Self::Written>>;
}

/// Groups concurrent writes into shared transactions. What arrives while one transaction is under way makes up the next,
/// so that a lone write waits for nobody and a crowd shares the cost of its commits.
pub(super) struct GroupCommit<T: Grouped> {
    sender: mpsc::Sender<Entry<T>>,
}

struct Entry<T: Grouped> {
    item: T,
    answer: oneshot::Sender<Result<T::Written>>,
}

const BATCH_MAX: usize = 512;

impl<T: Grouped> GroupCommit<T> {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let (sender, mut receiver) = mpsc::channel(BATCH_MAX * 4);
        tokio::spawn(async move {
            let mut waiting = Vec::with_capacity(BATCH_MAX);
            while receiver.recv_many(&mut waiting, BATCH_MAX).await > 0 {
                flush(store.as_ref(), std::mem::take(&mut waiting)).await;
            }
        });
        Self { sender }
    }

    /// Writes one item; none if the engine has shut down.
    pub(super) async fn write(&self, item: T) -> Option<Result<T::Written>> {
        let (answer, written) = oneshot::channel();
        self.sender.send(Entry { item, answer }).await.ok()?;
        written.await.ok()
    }
}

async fn flush<T: Grouped>(store: &dyn Store, entries: Vec<Entry<T>>) {
    let (items, answers): (Vec<_>, Vec<_>) = entries.into_iter().map(|entry| (entry.item, entry.answer)).unzip();
    match T::write(store, &items).await {
        Ok(written) => answers.into_iter().zip(written).for_each(|(answer, written)| drop(answer.send(Ok(written)))),
        // What one item did wrong must not fail the others: each is written by itself and gets its own answer.
        Err(_) => {
            for (item, answer) in items.into_iter().zip(answers) {
                let written = T::write(store, std::slice::from_ref(&item)).await;
                drop(answer.send(written.map(|mut written| written.remove(0))));
            }
        }
    }
}
