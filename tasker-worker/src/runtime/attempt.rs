use std::{sync::Arc, time::Duration};

use tasker_core::model::{Assignment, ErrorKind, Json, StepError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A claimed attempt, with the token that asks its handler to stop.
pub(super) struct Assigned {
    pub(super) assignment: Assignment,
    pub(super) cancellation: CancellationToken,
}

/// What the worker knows of an attempt that it holds.
pub(super) struct Attempt {
    pub(super) step: Arc<str>,
    pub(super) is_taken: bool,
    pub(super) begun_at: Option<Instant>,
    pub(super) timeout: Option<Duration>,
    pub(super) fate: Fate,
    pub(super) extended_at: Instant,
    /// When the lease is to be extended next.
    pub(super) renew_at: Instant,
    pub(super) lease: Duration,
    pub(super) progress: Option<Json>,
    pub(super) cancellation: CancellationToken,
}

/// Whether an attempt's outcome is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Wanted,
    /// The worker stops: a success is still welcome, anything else is the worker's doing and not the step's.
    Stopping,
    /// The lease is lost, or a timeout has been reported in its place.
    Unwanted,
}

impl Attempt {
    pub(super) fn new(assignment: &Assignment, asked_at: Instant) -> Self {
        let lease = Duration::from_millis(assignment.lease_ms);
        Self {
            step: Arc::clone(&assignment.step),
            is_taken: false,
            begun_at: None,
            timeout: assignment.timeout_ms.map(Duration::from_millis),
            fate: Fate::Wanted,
            lease,
            extended_at: asked_at,
            renew_at: asked_at + lease / 3,
            progress: None,
            cancellation: CancellationToken::new(),
        }
    }

    /// The lease was given or extended by a call that began then.
    pub(super) fn extended(&mut self, asked_at: Instant) {
        self.extended_at = asked_at;
        self.renew_at = asked_at + self.lease / 3;
    }

    pub(super) fn timeout_at(&self) -> Option<Instant> {
        self.begun_at?.checked_add(self.timeout?)
    }

    pub(super) fn timeout_error(&self) -> StepError {
        let limit_ms = self.timeout.unwrap_or_default().as_millis();
        let message = format!("step `{}` ran longer than its limit of {limit_ms} ms", self.step);
        StepError::new(ErrorKind::Timeout, "step_timeout", message)
    }
}
