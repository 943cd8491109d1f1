use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Json, StepError, TaskFlow, TaskId, TemplateId, Timestamp};

/// Where a task stands. The last four are final: nothing leaves them by itself, and only an operator leads out of `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// No step has been started.
    Pending,
    /// At least one step has been started.
    InProgress,
    /// An operator stopped further steps from starting. Those that run are let end.
    Paused,
    /// Steps failed and wait for an operator; others run on.
    BlockedByFailures,
    /// Every step is done.
    Complete,
    /// A step failed for good, or the task ran out of time.
    Error,
    /// Someone stopped it.
    Cancelled,
    /// An operator closed it by hand.
    ResolvedManually,
}

impl TaskState {
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::InProgress,
        Self::Paused,
        Self::BlockedByFailures,
        Self::Complete,
        Self::Error,
        Self::Cancelled,
        Self::ResolvedManually,
    ];

    /// Whether nothing more can happen to the task by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::Error | Self::Cancelled | Self::ResolvedManually)
    }

    /// Whether the task's steps may be handed to workers.
    #[must_use]
    pub fn is_runnable(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::BlockedByFailures)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Paused => "paused",
            Self::BlockedByFailures => "blocked_by_failures",
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::ResolvedManually => "resolved_manually",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TaskState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| format!("`{text}` is not the state of a task"))
    }
}

/// How many of a task's steps are where. `done` counts every final step, `failed` those that ended in `error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    pub total: u32,
    pub done: u32,
    pub active: u32,
    pub failed: u32,
}

/// One run of a template, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    pub task_id: TaskId,
    pub namespace: String,
    pub name: String,
    pub version: String,
    pub template_id: TemplateId,
    /// The environment whose overrides the task runs with, if any.
    pub environment: Option<String>,
    pub state: TaskState,
    pub priority: i16,
    pub context: Json,
    pub initiator: Option<String>,
    pub source_system: Option<String>,
    pub reason: Option<String>,
    pub tags: Vec<String>,
    pub correlation_id: Option<String>,
    pub parent_correlation_id: Option<String>,
    pub idempotency_key: Option<String>,
    /// The task that this one runs again.
    pub rerun_of: Option<TaskId>,
    /// Where it stands in a flow: the step that it runs for, the trace that it belongs to, and how it ends.
    pub flow: TaskFlow,
    #[serde(rename = "counts")]
    pub counts: TaskCounts,
    /// Number of the task's last event; its events are numbered from 1 without gaps.
    pub seq: i64,
    /// Why a task ended otherwise than `complete`.
    pub error: Option<StepError>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub completed_at: Option<Timestamp>,
    pub deadline_at: Option<Timestamp>,
}
