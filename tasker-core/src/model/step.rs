use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Json, StepError, StepFlow, StepId, Timestamp, WorkerId};

/// Where a step stands. The last five are final: only an operator leads out of `error` and `cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Waits for dependencies, or for its paused task to go on.
    Pending,
    /// May be claimed by a worker.
    Enqueued,
    /// A worker has the lease.
    InProgress,
    /// Failed, and runs again when its delay is over.
    WaitingForRetry,
    /// Waits for a timer, a signal or a child task.
    Waiting,
    /// Its result is recorded.
    Complete,
    /// Failed for good.
    Error,
    /// Will not run: the task was stopped, or a dependency failed.
    Cancelled,
    /// Will not run: a decision left it out.
    Skipped,
    /// An operator closed it by hand.
    ResolvedManually,
}

impl StepState {
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Enqueued,
        Self::InProgress,
        Self::WaitingForRetry,
        Self::Waiting,
        Self::Complete,
        Self::Error,
        Self::Cancelled,
        Self::Skipped,
        Self::ResolvedManually,
    ];

    /// Whether the step has come to its end.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.satisfies() || matches!(self, Self::Error | Self::Cancelled)
    }

    /// Whether the steps that depend on this one may run.
    #[must_use]
    pub fn satisfies(self) -> bool {
        matches!(self, Self::Complete | Self::Skipped | Self::ResolvedManually)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Enqueued => "enqueued",
            Self::InProgress => "in_progress",
            Self::WaitingForRetry => "waiting_for_retry",
            Self::Waiting => "waiting",
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::ResolvedManually => "resolved_manually",
        }
    }
}

impl fmt::Display for StepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for StepState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| format!("`{text}` is not the state of a step"))
    }
}

/// One node of one task, as it is stored.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    #[serde(flatten)]
    pub id: StepId,
    pub name: String,
    pub queue: String,
    pub handler: String,
    pub state: StepState,
    /// The current or last attempt; 0 before the first. It counts lost and released attempts too, since it is the fence.
    pub attempt: u32,
    /// Attempts that ended in a failure; the retry policy counts these.
    pub failures: u32,
    /// Attempts whose worker went silent.
    pub losses: u32,
    /// Dependencies that are not yet satisfied.
    pub unmet: u32,
    pub dependents: Vec<u32>,
    /// When the lease ends (`in_progress`), the retry is due (`waiting_for_retry`) or the wait is over (`waiting`).
    pub due_at: Option<Timestamp>,
    pub worker_id: Option<WorkerId>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub result: Option<Json>,
    /// The last failure; kept after a later attempt succeeded.
    pub error: Option<StepError>,
    /// Where the step stands in a flow; none for a plain one.
    pub flow: Option<StepFlow>,
}
