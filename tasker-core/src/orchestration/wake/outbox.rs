use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::message::{Hints, Roles};

/// Between this process and one carrier: what is to be said, and what is known of those who hear it.
#[derive(Debug)]
pub(super) struct Outbox {
    /// What any of the others wants to hear of; everything, until that is known.
    wanted: AtomicU8,
    unsaid: Mutex<Unsaid>,
    filled: Notify,
    /// What is said is heard, as far as can be known.
    is_carried: AtomicBool,
    /// How many others sweep.
    sweepers: AtomicUsize,
}

/// What is to be said next.
#[derive(Debug, Default)]
pub(super) struct Unsaid {
    pub(super) hints: Hints,
    /// In how many commits it came.
    commits: usize,
}

impl Unsaid {
    /// How much has happened since the last message: commits or ends of tasks. None if it was too much to tell one by one.
    pub(super) fn count(&self) -> Option<u32> {
        self.hints.ended.names().and_then(|tasks| tasks.len().max(self.commits).try_into().ok())
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            wanted: AtomicU8::new(Roles::ALL.0),
            unsaid: Mutex::default(),
            filled: Notify::new(),
            is_carried: AtomicBool::new(false),
            sweepers: AtomicUsize::new(0),
        }
    }
}

impl Outbox {
    /// Adds something to what is said next, if anybody wants to hear it.
    pub(super) fn put(&self, listeners: Roles, add: impl FnOnce(&mut Hints)) {
        if Roles(self.wanted.load(Ordering::Relaxed)).has(listeners) {
            let mut unsaid = self.unsaid.lock().unwrap_or_else(PoisonError::into_inner);
            add(&mut unsaid.hints);
            unsaid.commits += 1;
            drop(unsaid);
            self.filled.notify_one();
        }
    }

    pub(super) fn take(&self) -> Unsaid {
        std::mem::take(&mut self.unsaid.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the carrier look what there is to say.
    pub(super) fn ring(&self) {
        self.filled.notify_one();
    }

    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    pub(super) fn want(&self, wanted: Roles) {
        self.wanted.store(wanted.0, Ordering::Relaxed);
    }

    pub(super) fn set_sweepers(&self, others: usize) {
        self.sweepers.store(others, Ordering::Relaxed);
    }

    pub(super) fn sweepers(&self) -> usize {
        self.sweepers.load(Ordering::Relaxed)
    }

    pub(super) fn set_carried(&self, is_carried: bool) {
        self.is_carried.store(is_carried, Ordering::Relaxed);
    }

    pub(super) fn is_carried(&self) -> bool {
        self.is_carried.load(Ordering::Relaxed)
    }
}
