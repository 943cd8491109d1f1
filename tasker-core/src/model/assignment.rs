use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BatchPart, Checkpoint, Ending, Json, Lease, TaskId, Timestamp, TraceContext};

/// One attempt of one step, handed to a worker together with all that its handler may ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Assignment {
    /// Goes back with the outcome.
    pub lease: Lease,
    /// When the lease ends unless it is extended.
    pub lease_until: Timestamp,
    /// Milliseconds that the lease is given for, and extended by.
    pub lease_ms: u64,
    /// The step's public id.
    pub step_uuid: Uuid,
    pub namespace: Arc<str>,
    /// Name of the template.
    pub template: Arc<str>,
    pub version: Arc<str>,
    /// Name of the step.
    pub step: Arc<str>,
    /// What the engine makes of the outcome; `standard` where it is not given.
    #[serde(default, skip_serializing_if = "AttemptKind::is_standard")]
    pub kind: AttemptKind,
    pub handler: AssignedHandler,
    /// The task's input.
    pub input: Json,
    /// Results of every ancestor step, by the step's name. Steps that were skipped have none. A step that ran in parts
    /// has a list here, in the order of the parts, and only for the steps that name it as a dependency.
    pub results: BTreeMap<Arc<str>, Json>,
    /// Attempts before this one that ended in a failure.
    pub failures: u32,
    /// Failures after which the step is not tried again.
    pub max_attempts: u32,
    /// Milliseconds that this attempt may take; none for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Arc<str>>,
    /// Which part of a batch this attempt is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchPart>,
    /// What an earlier attempt has stored, to go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The step of another task that started this task and waits for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentStep>,
    /// The trace that the task belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_context: Option<TraceContext>,
    /// Of a compensation, and of a step of `finally`: how the task ends, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Arc<Ending>>,
}

impl Assignment {
    /// Whether input and results are the same texts in memory. To compare what they say would cost more than to send it.
    #[must_use]
    pub fn has_values_of(&self, other: &Self) -> bool {
        let mut pairs = self.results.iter().zip(&other.results);
        self.input.is_same(&other.input)
            && self.results.len() == other.results.len()
            && pairs.all(|(one, other)| one.0 == other.0 && one.1.is_same(other.1))
    }

    /// Bytes of input and results.
    #[must_use]
    pub fn bytes_of_values(&self) -> usize {
        self.input.as_str().len() + self.results.values().map(|result| result.as_str().len()).sum::<usize>()
    }
}

/// What an attempt is: the type of its step, or a compensation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    #[default]
    Standard,
    /// Its outcome says which of its dependents run.
    Decision,
    DeferredConvergence,
    /// Its outcome says into which parts the work is split.
    Batchable,
    BatchWorker,
    /// Undoes what `step` has done; that step's result is among `results`.
    Compensation,
}

impl AttemptKind {
    #[must_use]
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

/// The step that a sub-workflow belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct ParentStep {
    pub task_id: TaskId,
    pub step_uuid: Uuid,
}

/// The code that an assignment is for, and how it is configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct AssignedHandler {
    pub callable: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Arc<str>>,
    /// `handler.initialization` of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Json>,
}
