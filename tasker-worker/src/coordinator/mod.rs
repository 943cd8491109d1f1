//! What a worker talks to: the engine inside its own process, or one that is reached over the network.

mod embedded;
mod http;

use std::sync::Weak;

use async_trait::async_trait;
use tasker_core::{
    model::{Checkpoint, Lease, Report, Reported, Timestamp, Woken},
    orchestration::Intake,
    state::Look,
    store::WorkerRecord,
};

pub use embedded::EmbeddedCoordinator;
pub use http::HttpCoordinator;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The one thing that a [`Runtime`](crate::runtime::Runtime) needs besides handlers. Every call ends by itself in bounded
/// time: with an answer, or with an error that says whether to try again.
#[async_trait]
pub trait Coordinator: Send + Sync + 'static {
    /// Makes the worker known, so that it may claim; again, from time to time, to say that it is still there.
    async fn join(&self, worker: &WorkerRecord) -> Result<()>;

    /// Records outcomes and hands out up to `want` steps, both or neither. Without reports it is a claim. After an error
    /// the same reports may be sent again: what was recorded nevertheless is then refused as a stale lease.
    async fn report(&self, reports: &[Report], want: usize, look: Look) -> Result<Reported>;

    /// Tells who takes steps that were not asked for. A coordinator that hands out none leaves it at that.
    fn attach(&self, _intake: Weak<dyn Intake>) {}

    /// How many reports may be under way at the same time; no two of them are about the same task.
    fn reports_at_once(&self) -> usize {
        1
    }

    /// Extends leases that are still held. One answer for each, in order: the new end, or none for a lease that is lost.
    async fn extend(&self, leases: &[Lease]) -> Result<Vec<Option<Timestamp>>>;

    /// Stores how far an attempt has come, in place of what was stored before, and extends its lease. None if the lease is
    /// lost; nothing was stored then.
    async fn checkpoint(&self, lease: Lease, checkpoint: &Checkpoint) -> Result<Option<Timestamp>>;

    /// Resolves when there may be steps to claim, or attempts were taken from the worker; at once if that happened since the
    /// last time. It is a hint: it may be late, lost or wrong, and costs time only. Pending for ever where there are no hints.
    async fn woken(&self) -> Woken;

    /// Whether hints come from every process that there is, as far as can be known at this moment. Steps are then looked for
    /// more rarely.
    fn is_told(&self) -> bool {
        false
    }
}

/// Why a coordinator could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or is overloaded. Try the same again after a delay.
    #[error("the coordinator did not answer: {0}")]
    Unavailable(String),
    /// It will not do this, however often it is asked. The message says what to mend.
    #[error("the coordinator refused ({code}): {message}")]
    Refused { code: String, message: String },
}

impl Error {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// A stable word to branch on.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Unavailable(_) => "coordinator_unavailable",
            Self::Refused { code, .. } => code,
        }
    }
}

impl From<tasker_core::orchestration::Error> for Error {
    fn from(error: tasker_core::orchestration::Error) -> Self {
        if error.is_transient() {
            Self::Unavailable(error.to_string())
        } else {
            Self::Refused { code: error.code().to_owned(), message: error.to_string() }
        }
    }
}

fn not_joined() -> Error {
    Error::Refused { code: "not_joined".to_owned(), message: "join before claiming".to_owned() }
}
