use serde::{Deserialize, Serialize};

use super::{Json, Timestamp};

/// Where a step stands in a flow; plain steps have none of this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepFlow {
    /// Of a deferred convergence: one of the branches before it has run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_reached: bool,
    /// Of a wait: the signal, where it came before the step could begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
}

/// A signal that a task was sent: the result of the step that waited for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    pub signal: String,
    pub payload: Json,
    /// Who sent it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub received_at: Timestamp,
}

/// Why a step was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A decision left it out.
    Decision,
    /// Its `when` is false.
    Condition,
    /// What it depends on was skipped.
    Dependencies,
    /// It failed for good, and its `on_exhaustion` says so.
    Failure,
}
