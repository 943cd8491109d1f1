use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    dag::Definition,
    model::{Json, Step, StepError, StepPlace, StepState, TaskId, Timestamp, WorkerId},
};

/// One node of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct StepView {
    pub step_uuid: Uuid,
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    /// The step's place among those of its task, from 0.
    pub step_idx: u32,
    pub name: String,
    pub current_state: StepState,
    /// The registered name of the code that runs it.
    pub handler: String,
    pub queue: String,
    /// Names of the steps that must be done before this one starts.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// When it runs, if not with the others: before the end of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<StepPhase>,
    /// Of a compensation: the name of the step that it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensates: Option<String>,
    /// The current or last attempt; 0 before the first. Lost and released attempts count too.
    pub attempts: u32,
    /// Failures after which the step is not tried again.
    pub max_attempts: u32,
    /// Attempts that ended in a failure.
    pub failures: u32,
    /// Attempts whose worker went silent.
    pub losses: u32,
    /// What the handler returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<serde_json::Value>))]
    pub results: Option<Json>,
    /// The last failure; kept after a later attempt succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// When a step that is `waiting_for_retry` runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub next_retry_at: Option<Timestamp>,
    /// When the lease of a step that is `in_progress` ends, or the wait of one that is `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub due_at: Option<Timestamp>,
    /// The signal that it waits for, or was ended by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The task that runs it, or ran it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
    pub child_uuid: Option<TaskId>,
    /// Of a skipped step: names of the decisions, and of the steps that split their work, which did not choose it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out_by: Vec<String>,
    /// Of a step whose work is split: how many of its parts are in each state. The parts are steps too, which are listed apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<BTreeMap<String, u32>>,
    /// Of a part: its number among the parts of its step, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Who runs it, or ran it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
    pub worker_id: Option<WorkerId>,
    /// When the current or last attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub started_at: Option<Timestamp>,
    /// When the step came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub completed_at: Option<Timestamp>,
}

/// What a task does before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepPhase {
    /// What was done is undone, because the task fails or was cancelled.
    Compensation,
    /// The last of all, however the task ends.
    Finally,
}

impl StepPhase {
    fn of(idx: u32, definition: &Definition) -> Option<Self> {
        let is_finally = definition.end_work.finally.contains(&idx);
        let phase = if is_finally { Self::Finally } else { Self::Compensation };
        (!definition.end_work.is_own(idx)).then_some(phase)
    }
}

impl StepView {
    /// The steps of one task, with what its definition says of them, and how many of their parts are in which state.
    #[must_use]
    pub fn all(steps: Vec<Step>, parts: &[(u32, StepState, u32)], definition: &Definition) -> Vec<Self> {
        let with_parts = |step: Step| {
            let of_step = parts.iter().filter(|(head, ..)| *head == step.id.idx);
            let counts: BTreeMap<_, _> = of_step.map(|(_, state, count)| (state.to_string(), *count)).collect();
            Self { parts: Some(counts).filter(|counts| !counts.is_empty()), ..Self::new(step, definition) }
        };
        steps.into_iter().map(with_parts).collect()
    }

    #[must_use]
    pub fn new(step: Step, definition: &Definition) -> Self {
        let planned = definition.step(step.id.idx);
        let compensates = definition.end_work.compensates(step.id.idx);
        let compensates = compensates.and_then(|idx| definition.template.steps.get(idx as usize));
        let is_retry = step.state == StepState::WaitingForRetry;
        let flow = step.flow.unwrap_or_default();
        // A step that an operator had run all the same was not left out.
        let left_out_by = if step.state == StepState::Skipped { flow.left_out_by } else { Vec::new() };
        Self {
            step_uuid: step.id.uuid(),
            task_uuid: step.id.task_id,
            step_idx: step.id.idx,
            name: step.name,
            current_state: step.state,
            handler: step.handler,
            queue: step.queue,
            dependencies: planned.map(|step| step.dependencies.clone()).unwrap_or_default(),
            phase: StepPhase::of(step.id.idx, definition),
            compensates: compensates.map(|step| step.name.clone()),
            attempts: step.attempt,
            max_attempts: planned.map_or(1, |step| if step.retry.retryable { step.retry.max_attempts } else { 1 }),
            failures: step.failures,
            losses: step.losses,
            results: step.result,
            error: step.error,
            next_retry_at: step.due_at.filter(|_| is_retry),
            due_at: step.due_at.filter(|_| !is_retry),
            signal: definition.signal(step.id.idx).map(str::to_owned),
            child_uuid: flow.child,
            left_out_by: left_out_by.into_iter().filter_map(|idx| definition.step_name(idx)).collect(),
            parts: None,
            part: StepPlace::of(step.id.idx).part,
            worker_id: step.worker_id,
            started_at: step.started_at,
            completed_at: step.ended_at,
        }
    }
}
