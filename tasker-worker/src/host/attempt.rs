use tasker_core::model::{Assignment, Lease, Outcome};
use tokio_util::sync::CancellationToken;

use super::{Result, home::Homed};
use crate::{
    handler::checked,
    protocol::Polled,
    runtime::{Held, Taken},
};

/// What a poll gives to a binding.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every poll gives the large one")]
pub enum Work {
    /// Run this attempt, and report its outcome.
    Run(Attempt),
    /// Stop the attempt under this lease; report or drop it all the same.
    Cancel(Lease),
    /// The worker is drained: stop polling.
    End,
}

impl Work {
    pub(super) fn new(taken: Taken) -> Self {
        match taken {
            Taken::Run(held) => Self::Run(Attempt::new(held)),
            Taken::Cancel(lease) => Self::Cancel(lease),
            Taken::End => Self::End,
        }
    }

    /// The form that crosses as text. The guard ends here: the outcome must be reported by its lease, or the slot stays
    /// taken until the worker stops.
    ///
    /// # Errors
    /// `forked`.
    pub fn hand_over(self) -> Result<Polled> {
        match self {
            Self::Run(attempt) => Ok(Polled::Run(attempt.held.into_inner()?.hand_over())),
            Self::Cancel(lease) => Ok(Polled::Cancel(lease)),
            Self::End => Ok(Polled::End),
        }
    }
}

/// An attempt in the hands of a thread, with the duty to answer. Dropped without an answer it counts as abandoned, or as
/// released if its handler had not begun; dropped in a forked child it counts as nothing, since the parent has it.
pub struct Attempt {
    held: Homed<Held>,
    assignment: Assignment,
    cancellation: CancellationToken,
}

impl Attempt {
    fn new(held: Held) -> Self {
        let (assignment, cancellation) = (held.assignment().clone(), held.cancellation());
        Self { held: Homed::new(held), assignment, cancellation }
    }

    #[must_use]
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    #[must_use]
    pub fn lease(&self) -> Lease {
        self.assignment.lease
    }

    /// Whether the handler should stop: the lease is lost, the attempt timed out, or the worker stops.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// The handler begins now: its timeout counts from here.
    ///
    /// # Errors
    /// `forked`.
    pub fn begin(&mut self) -> Result<()> {
        self.held.get_mut()?.begin();
        Ok(())
    }

    /// The handler has ended. Returns at once; an outcome that is no longer wanted is dropped. A result over the limit of
    /// its size becomes a permanent failure `result_too_large`.
    ///
    /// # Errors
    /// `forked`.
    pub fn report(self, outcome: Outcome) -> Result<()> {
        self.held.into_inner()?.report(checked(outcome));
        Ok(())
    }

    /// Like [`report`](Self::report), by a thread that goes on with [`Worker::poll`](super::Worker::poll): if there is nothing
    /// to poll, it carries the outcome itself. A thread that ends instead calls [`Worker::send`](super::Worker::send).
    ///
    /// # Errors
    /// `forked`.
    pub fn leave(self, outcome: Outcome) -> Result<()> {
        self.held.into_inner()?.leave(checked(outcome));
        Ok(())
    }

    /// Back to the other threads of this worker, for one that was interrupted before its handler began.
    ///
    /// # Errors
    /// `forked`.
    pub fn put_back(self) -> Result<()> {
        self.held.into_inner()?.put_back();
        Ok(())
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt").field("assignment", &self.assignment).finish_non_exhaustive()
    }
}
