use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, FailureStrategy, Json, ParentStep, StepError, StepId, TaskId, TaskState, Timestamp, TraceContext};

/// Where a step stands in a flow; plain steps have none of this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepFlow {
    /// Of a deferred convergence: one of the branches before it has run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_reached: bool,
    /// Of a skipped step: the decisions, and batchable steps, that left it out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out_by: Vec<u32>,
    /// Of a wait: the signal, where it came before the step could begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// Of a sub-workflow: the task that runs it, or ran it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<TaskId>,
    /// Of a batch worker: how far its parts have come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchFlow>,
    /// What a newer version has added. It is written back as it was, since a row is changed by one version after another.
    #[serde(flatten)]
    pub newer: BTreeMap<String, Value>,
}

/// How far the parts of a batch have come. It is kept with the step that they belong to, so that the report of a part
/// reads and writes two rows, however many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchFlow {
    /// Parts in all.
    pub of: u32,
    /// Parts that are not done yet: those that failed and wait for an operator are among them.
    pub left: u32,
    /// The first part that may not have been let go; those before it were.
    pub next: u32,
    /// Parts that were let go and have not ended.
    pub running: u32,
    /// Parts that run at the same time at most; none for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    pub failure_strategy: FailureStrategy,
    /// Bytes of the results so far.
    pub bytes: usize,
}

impl BatchFlow {
    /// How many parts may be let go.
    #[must_use]
    pub fn room(&self) -> u32 {
        self.parallelism.unwrap_or(u32::MAX).saturating_sub(self.running)
    }
}

/// Where a task stands in a flow; plain tasks have none of this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskFlow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The trace that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// How it ends, once that is known and something is still to be done before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Arc<Ending>>,
    /// What a newer version has added, as in [`StepFlow`].
    #[serde(flatten)]
    pub newer: BTreeMap<String, Value>,
}

/// How a task ends that has yet to undo what was done, or to clean up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Ending {
    /// `complete`, `error` or `cancelled`, if what is still to be done succeeds.
    pub status: TaskState,
    /// What it failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// Who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Ending {
    #[must_use]
    pub fn cancelled(Actor { by, reason }: Actor) -> Self {
        Self { status: TaskState::Cancelled, error: None, by, reason }
    }

    #[must_use]
    pub fn failed(error: Option<StepError>) -> Self {
        Self { status: TaskState::Error, error, by: None, reason: None }
    }

    #[must_use]
    pub fn complete() -> Self {
        Self { status: TaskState::Complete, error: None, by: None, reason: None }
    }

    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { by: self.by.clone(), reason: self.reason.clone() }
    }
}

/// The step that a task runs for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub task_id: TaskId,
    pub step: u32,
    /// The step's name.
    pub name: Arc<str>,
    /// The task above all others, which was submitted.
    pub root: TaskId,
    /// Tasks above this one: 1 for a child of a task that was submitted.
    pub depth: u32,
}

/// A signal that a task was sent: the result of the step that waited for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub signal: String,
    pub payload: Json,
    /// Who sent it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub received_at: Timestamp,
}

impl Parent {
    /// The step by the ids that the outside knows.
    #[must_use]
    pub fn step(&self) -> ParentStep {
        ParentStep { task_id: self.task_id, step_uuid: StepId::new(self.task_id, self.step).uuid() }
    }
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
    /// It was skipped in the task that this one goes on from.
    TakenOver,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    fn read<T: DeserializeOwned>(document: &Value) -> T {
        serde_json::from_str(&document.to_string()).unwrap()
    }

    /// What a newer version may have written, and this one writes once it has changed something.
    #[test]
    fn what_a_newer_version_added_is_passed_over_and_written_back() {
        let batch = json!({"of": 9, "left": 8, "next": 3, "running": 2, "failure_strategy": "isolate", "bytes": 7});
        let mut step: StepFlow = read(&json!({"batch": batch, "quota": {"left": 3, "of": [1.50]}}));
        step.is_reached = true;
        assert_eq!(json!(step), json!({"is_reached": true, "batch": batch, "quota": {"left": 3, "of": [1.50]}}));

        let parent = json!({"task_id": TaskId::new(), "step": 1, "name": "s", "root": TaskId::new(), "depth": 1});
        let mut task: TaskFlow = read(&json!({"parent": parent, "budget": null}));
        task.ending = Some(Arc::new(Ending::complete()));
        assert_eq!(json!(task), json!({"parent": parent, "ending": {"status": "complete"}, "budget": null}));
    }

    #[test]
    fn parts_of_a_flow_with_more_than_is_known_are_read() {
        let time = Timestamp::from_micros(1);
        let signal = json!({"signal": "go", "payload": {"n": 1.0}, "received_at": time, "new": 1});
        let batch =
            json!({"of": 1, "left": 1, "next": 0, "running": 0, "failure_strategy": "isolate", "bytes": 0, "new": 1});
        let step: StepFlow = read(&json!({"signal": signal, "batch": batch}));
        assert_eq!(step.signal.map(|signal| signal.payload.to_string()).as_deref(), Some("{\"n\":1.0}"));
        let error = json!({"kind": "permanent", "code": "c", "message": "m", "new": 1});
        let trace = json!({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "new": 1});
        let task: TaskFlow = read(&json!({"trace": trace, "ending": {"status": "error", "error": error, "new": 1}}));
        assert!(task.trace.is_some() && task.ending.is_some_and(|ending| ending.error.is_some()));
    }
}
