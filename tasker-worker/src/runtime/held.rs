use std::{fmt, sync::Arc};

use tasker_core::model::{Assignment, Lease, Outcome, Report};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    attempt::{Assigned, Fate},
    ledger::Found,
    shared::Shared,
};
use crate::protocol::Polled;

/// What a poll gives to a taker in this process.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every poll gives the large one")]
pub enum Taken {
    /// Run this attempt, and report its outcome.
    Run(Held),
    /// Stop the attempt under this lease; its outcome is no longer wanted. Report or drop it all the same: that frees the
    /// slot.
    Cancel(Lease),
    /// The worker is drained: stop polling.
    End,
}

impl Taken {
    pub(super) fn new(found: Found, shared: &Arc<Shared>) -> Self {
        match found {
            Found::Assigned(assigned) => {
                Self::Run(Held { assigned: Some(assigned), has_begun: false, shared: Arc::clone(shared) })
            }
            Found::Cancel(lease) => Self::Cancel(lease),
            Found::End => Self::End,
        }
    }

    /// The form that crosses to another language as text. The guard ends here: see [`Held::hand_over`].
    #[must_use]
    pub fn hand_over(self) -> Polled {
        match self {
            Self::Run(held) => Polled::Run(held.hand_over()),
            Self::Cancel(lease) => Polled::Cancel(lease),
            Self::End => Polled::End,
        }
    }
}

/// An attempt in the hands of a taker, with the duty to answer. Dropped without an answer it counts as
/// [`Outcome::Abandoned`], or as [`Outcome::Released`] if its handler had not begun: a killed thread, a panic or an
/// interpreter that stops can never leave the engine waiting.
pub struct Held {
    /// None once it is answered.
    assigned: Option<Assigned>,
    has_begun: bool,
    shared: Arc<Shared>,
}

impl Held {
    #[must_use]
    pub fn assignment(&self) -> &Assignment {
        match &self.assigned {
            Some(assigned) => &assigned.assignment,
            None => unreachable!("every method that answers consumes the guard"),
        }
    }

    #[must_use]
    pub fn lease(&self) -> Lease {
        self.assignment().lease
    }

    /// Cancelled when the handler should stop: the lease is lost, the attempt timed out, or the worker stops.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.assigned.as_ref().map(|assigned| assigned.cancellation.clone()).unwrap_or_default()
    }

    /// The handler begins now. From here its timeout counts, and so does an end without an answer.
    pub fn begin(&mut self) {
        self.has_begun = true;
        let lease = self.lease();
        let is_sooner = self.shared.ledger().begin(lease, Instant::now());
        if is_sooner {
            self.shared.clock.notify_one();
        }
    }

    /// The handler has ended. Enqueues the outcome and returns at once; an outcome that is no longer wanted is dropped.
    pub fn report(mut self, outcome: Outcome) {
        self.answer(outcome);
    }

    /// Like [`report`](Self::report), by a thread that goes on with [`Runtime::poll_blocking`](super::Runtime::poll_blocking):
    /// if there is nothing to take, it carries the outcome itself, and no other thread has to wake up for that. A thread that
    /// ends instead calls [`Runtime::send`](super::Runtime::send).
    pub fn leave(mut self, outcome: Outcome) {
        let Some(assigned) = self.assigned.take() else { return };
        self.shared.leave(Report { lease: assigned.assignment.lease, outcome });
    }

    /// Back to the other takers of this worker, in front of what waits. For a taker that was interrupted before it began.
    pub fn put_back(mut self) {
        let Some(assigned) = self.assigned.take() else { return };
        self.shared.update(|ledger| ledger.put_back(assigned));
    }

    /// Begins, and gives up the guard: the caller must report the outcome by the lease. If it does not, the slot stays
    /// taken, and the attempt held, until the worker stops.
    #[must_use]
    pub fn hand_over(mut self) -> Assignment {
        self.begin();
        match self.assigned.take() {
            Some(assigned) => assigned.assignment,
            None => unreachable!("every method that answers consumes the guard"),
        }
    }

    /// Resolves when the outcome can no longer be used, so that the handler may be dropped where it is.
    pub(crate) async fn revoked(&self) {
        self.cancellation().cancelled().await;
        let fate = self.shared.ledger().fate(self.lease());
        if fate != Fate::Unwanted {
            self.shared.ended.cancelled().await;
        }
    }

    fn answer(&mut self, outcome: Outcome) {
        let Some(assigned) = self.assigned.take() else { return };
        self.shared.update(|ledger| ledger.answer(Report { lease: assigned.assignment.lease, outcome }));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.answer(if self.has_begun { Outcome::Abandoned } else { Outcome::Released });
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let assignment = self.assigned.as_ref().map(|assigned| &assigned.assignment);
        f.debug_struct("Held").field("assignment", &assignment).field("has_begun", &self.has_begun).finish()
    }
}
