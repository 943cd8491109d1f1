use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StepView;
use crate::{
    dag::Definition,
    model::{Ending, Json, Parent, Step, StepError, StepState, Task, TaskId, TaskState, Timestamp},
};

/// One run of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct TaskView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    /// Name of the template.
    pub name: String,
    pub namespace: String,
    pub version: String,
    pub status: TaskState,
    /// The task's input.
    #[cfg_attr(feature = "api", schema(value_type = serde_json::Value))]
    pub context: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// Why it was submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i16,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The trace that it belongs to (W3C Trace Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// The task that this one runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
    pub rerun_of: Option<TaskId>,
    /// The step of another task that this one runs for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentView>,
    /// The task above all others, where this one has a parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
    pub root_uuid: Option<TaskId>,
    /// How it ends, while something is yet to be done before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<Ending>))]
    pub ending: Option<Arc<Ending>>,
    /// The environment whose overrides the task runs with, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[cfg_attr(feature = "api", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    #[cfg_attr(feature = "api", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub completed_at: Option<Timestamp>,
    /// When the task fails unless it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub deadline_at: Option<Timestamp>,
    /// Why a task ended otherwise than `complete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    pub total_steps: u32,
    /// Steps that have neither begun nor ended.
    pub pending_steps: u32,
    pub in_progress_steps: u32,
    /// Steps that are done: complete, skipped or resolved. In lists, which do not look at steps, those that were cancelled too.
    pub completed_steps: u32,
    pub failed_steps: u32,
    /// Steps that wait for a worker; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_steps: Option<u32>,
    /// `completed_steps` of `total_steps`, from 0 to 100.
    pub completion_percentage: f64,
    /// Number of the task's last event.
    pub last_seq: i64,
    /// In the order of the template; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<StepView>>,
}

/// The step of another task that a task runs for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct ParentView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    pub step_uuid: Uuid,
    /// The step's name.
    pub step: String,
}

impl From<&Parent> for ParentView {
    fn from(parent: &Parent) -> Self {
        let step_uuid = parent.step().step_uuid;
        Self { task_uuid: parent.task_id, step_uuid, step: parent.name.to_string() }
    }
}

impl TaskView {
    /// A task without its steps, as lists show it.
    #[must_use]
    pub fn brief(task: Task) -> Self {
        let counts = task.counts;
        let completed_steps = counts.done.saturating_sub(counts.failed);
        Self {
            task_uuid: task.task_id,
            name: task.name,
            namespace: task.namespace,
            version: task.version,
            status: task.state,
            context: task.context,
            initiator: task.initiator,
            source_system: task.source_system,
            reason: task.reason,
            priority: task.priority,
            tags: task.tags,
            correlation_id: task.correlation_id,
            parent_correlation_id: task.parent_correlation_id,
            idempotency_key: task.idempotency_key,
            traceparent: task.flow.trace.as_ref().map(|trace| trace.traceparent.to_string()),
            tracestate: task.flow.trace.and_then(|trace| trace.tracestate).map(|state| state.to_string()),
            rerun_of: task.rerun_of,
            parent: task.flow.parent.as_ref().map(ParentView::from),
            root_uuid: task.flow.parent.as_ref().map(|parent| parent.root),
            ending: task.flow.ending.filter(|_| !task.state.is_final()),
            environment: task.environment,
            created_at: task.created_at,
            updated_at: task.updated_at,
            completed_at: task.completed_at,
            deadline_at: task.deadline_at,
            error: task.error,
            total_steps: counts.total,
            pending_steps: counts.total.saturating_sub(counts.done + counts.active),
            in_progress_steps: counts.active,
            completed_steps,
            failed_steps: counts.failed,
            ready_steps: None,
            completion_percentage: percentage(completed_steps, counts.total),
            last_seq: task.seq,
            steps: None,
        }
    }

    /// A task with its steps, counted one by one, and its parts, counted by the steps that they belong to and their states.
    #[must_use]
    pub fn full(task: Task, steps: Vec<Step>, parts: &[(u32, StepState, u32)], definition: &Definition) -> Self {
        let count = |is_it: fn(StepState) -> bool| {
            let of_steps = steps.iter().filter(|step| is_it(step.state)).count();
            let of_parts: u32 = parts.iter().filter(|(_, state, _)| is_it(*state)).map(|(.., count)| count).sum();
            u32::try_from(of_steps).unwrap_or(u32::MAX).saturating_add(of_parts)
        };
        let in_progress_steps = count(|state| state == StepState::InProgress);
        let completed_steps = count(StepState::satisfies);
        let brief = Self::brief(task);
        Self {
            pending_steps: count(|state| !state.is_final() && state != StepState::InProgress),
            in_progress_steps,
            completed_steps,
            failed_steps: count(|state| state == StepState::Error),
            ready_steps: Some(count(|state| state == StepState::Enqueued)),
            completion_percentage: percentage(completed_steps, brief.total_steps),
            steps: Some(StepView::all(steps, parts, definition)),
            ..brief
        }
    }
}

/// With one digit.
fn percentage(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (f64::from(part) / f64::from(whole) * 1_000.0).round() / 10.0
}
