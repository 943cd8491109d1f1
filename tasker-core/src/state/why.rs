//! Why a step does not run, and why a task does not move: in words for machines, with what would move it for people.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Step, StepError, StepState, Task, TaskId, TaskState, Timestamp, WorkerId};

/// What a step or a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Steps that it depends on are not done.
    UnmetDependencies { steps: Vec<String> },
    /// Its next attempt is due at this time.
    RetryDue { at: Timestamp },
    /// No worker that is alive serves its handler on its queue.
    NoWorker { queue: String, handler: String },
    /// It stands in its queue, behind so many others (counted up to a thousand), for so many workers.
    InQueue { queue: String, handler: String, ahead: u64, workers: usize },
    /// A worker has it until this time, and longer if it extends its lease.
    Leased { worker: WorkerId, attempt: u32, until: Timestamp },
    /// Its lease has run out, and a sweep will take it back.
    LeaseRunOut { worker: WorkerId, attempt: u32, at: Timestamp },
    /// Its task is paused.
    Paused,
    /// It waits for a signal or for the end of another task, or for neither and a time alone. `until` is when it goes on, or fails,
    /// without them.
    Waiting {
        until: Option<Timestamp>,
        signal: Option<String>,
        #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
        task: Option<TaskId>,
    },
    /// Its work was split into `of` parts: so many of them have not ended, and so many failed and wait for an operator.
    Parts { of: u32, open: u32, failed: u32 },
    /// Steps failed, and an operator has to see to them.
    FailedSteps { steps: Vec<String> },
    /// Steps failed, and what had been done was undone: only another task can do it.
    Undone { steps: Vec<String> },
    /// The task ended by this error, which no step had.
    Ended { code: String },
    /// Its steps wait or run, each for a reason of its own.
    Steps,
    /// Nothing is known that would move it: this is a fault.
    Nothing,
}

/// Why one step does not run, or what holds the attempt that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct StepWhy {
    pub step: String,
    pub step_idx: u32,
    pub current_state: StepState,
    #[serde(flatten)]
    pub reason: Reason,
    /// Since when, as far as the history tells.
    pub since: Timestamp,
    /// What would move it, for people.
    pub moved_by: String,
}

/// What a flattened `Option<Reason>` adds to an object: the fields of a reason, or none.
#[cfg(feature = "api")]
struct ReasonIfAny;

#[cfg(feature = "api")]
impl utoipa::PartialSchema for ReasonIfAny {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{Object, Ref, schema::AnyOfBuilder};
        AnyOfBuilder::new().item(Ref::from_schema_name("Reason")).item(Object::new()).into()
    }
}

#[cfg(feature = "api")]
impl utoipa::ToSchema for ReasonIfAny {}

/// Why a task stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Why {
    pub status: TaskState,
    /// None where the task has ended well.
    #[serde(flatten)]
    #[cfg_attr(feature = "api", schema(value_type = ReasonIfAny))]
    pub reason: Option<Reason>,
    pub since: Timestamp,
    /// What would move it, for people; empty for one that ended well.
    pub moved_by: String,
    /// Every step that has not ended.
    pub steps: Vec<StepWhy>,
}

/// What there is to know beside the rows.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    pub now: Option<Timestamp>,
    /// The dependencies of each step.
    pub dependencies: Vec<Vec<u32>>,
    /// Workers that are alive and serve a queue and handler.
    pub workers: HashMap<(String, String), usize>,
    /// How many steps go before each enqueued one.
    pub ahead: HashMap<u32, u64>,
    /// When something last happened to each step.
    pub since: HashMap<u32, Timestamp>,
    /// How many parts of each step are in which state.
    pub parts: Vec<(u32, StepState, u32)>,
    /// The signals that steps wait for.
    pub signals: HashMap<u32, String>,
}

/// Explains a task by its rows. The same arguments give the same answer.
#[must_use]
pub fn why(task: &Task, steps: &[Step], known: &Circumstances) -> Why {
    let reason = of_task(task, steps, known);
    let open = steps.iter().filter(|step| !step.state.is_final());
    let open = open.map(|step| {
        let reason = of_step(task, step, steps, known);
        StepWhy {
            step: step.name.clone(),
            step_idx: step.id.idx,
            current_state: step.state,
            moved_by: moved_by(task, Some(step), &reason),
            reason,
            since: known.since.get(&step.id.idx).copied().unwrap_or(task.created_at),
        }
    });
    Why {
        status: task.state,
        moved_by: reason.as_ref().map(|reason| moved_by(task, None, reason)).unwrap_or_default(),
        reason,
        since: task.completed_at.unwrap_or(task.updated_at),
        steps: open.collect(),
    }
}

fn of_task(task: &Task, steps: &[Step], known: &Circumstances) -> Option<Reason> {
    let has_failed = |step: &&Step| {
        let is_its = |(head, state, _): &(u32, StepState, u32)| *head == step.id.idx && *state == StepState::Error;
        step.state == StepState::Error || known.parts.iter().any(is_its)
    };
    let failed = || steps.iter().filter(has_failed).map(|step| step.name.clone()).collect();
    match task.state {
        TaskState::Complete | TaskState::Cancelled | TaskState::ResolvedManually => None,
        TaskState::Paused => Some(Reason::Paused),
        TaskState::Error if task.counts.failed > 0 && has_ended_for_good(task) => {
            Some(Reason::Undone { steps: failed() })
        }
        TaskState::Error | TaskState::BlockedByFailures if task.counts.failed > 0 => {
            Some(Reason::FailedSteps { steps: failed() })
        }
        TaskState::Error => Some(Reason::Ended { code: task.error.as_ref().map(code).unwrap_or_default() }),
        _ if steps.iter().any(|step| !step.state.is_final()) => Some(Reason::Steps),
        _ => Some(Reason::Nothing),
    }
}

/// Whether it did what it had to do before its end, so that nothing in it can be retried.
fn has_ended_for_good(task: &Task) -> bool {
    let ending = task.flow.ending.as_ref().and_then(|ending| ending.error.as_ref());
    ending.is_some() && ending == task.error.as_ref()
}

fn code(error: &StepError) -> String {
    error.code.clone()
}

fn of_step(task: &Task, step: &Step, steps: &[Step], known: &Circumstances) -> Reason {
    let is_past = |at: Timestamp| known.now.is_some_and(|now| at <= now);
    match step.state {
        StepState::Pending if step.unmet == 0 && task.state == TaskState::Paused => Reason::Paused,
        StepState::Pending => {
            let dependencies = known.dependencies.get(step.id.idx as usize).into_iter().flatten();
            let unmet = dependencies.filter_map(|idx| steps.get(*idx as usize)).filter(|step| !step.state.satisfies());
            let names: Vec<_> = unmet.map(|step| step.name.clone()).collect();
            if names.is_empty() { Reason::Nothing } else { Reason::UnmetDependencies { steps: names } }
        }
        StepState::Enqueued => {
            let (queue, handler) = (step.queue.clone(), step.handler.clone());
            match known.workers.get(&(queue.clone(), handler.clone())).copied().unwrap_or(0) {
                0 => Reason::NoWorker { queue, handler },
                workers => {
                    let ahead = known.ahead.get(&step.id.idx).copied().unwrap_or(0);
                    Reason::InQueue { queue, handler, ahead, workers }
                }
            }
        }
        StepState::InProgress => match (step.worker_id, step.due_at) {
            (Some(worker), Some(at)) if is_past(at) => Reason::LeaseRunOut { worker, attempt: step.attempt, at },
            (Some(worker), Some(until)) => Reason::Leased { worker, attempt: step.attempt, until },
            _ => Reason::Nothing,
        },
        StepState::WaitingForRetry => step.due_at.map_or(Reason::Nothing, |at| Reason::RetryDue { at }),
        StepState::Waiting => of_parts(step, known).unwrap_or_else(|| Reason::Waiting {
            until: step.due_at,
            signal: known.signals.get(&step.id.idx).cloned(),
            task: step.flow.as_ref().and_then(|flow| flow.child),
        }),
        _ => Reason::Nothing,
    }
}

/// What a step waits for whose work is split; none for others.
fn of_parts(step: &Step, known: &Circumstances) -> Option<Reason> {
    let of = step.flow.as_ref()?.batch?.of;
    let count = |is: &dyn Fn(StepState) -> bool| {
        let counts = known.parts.iter().filter(|(head, state, _)| *head == step.id.idx && is(*state));
        counts.map(|(.., count)| count).sum()
    };
    Some(Reason::Parts {
        of,
        open: count(&|state| !state.is_final()),
        failed: count(&|state| state == StepState::Error),
    })
}

fn moved_by(task: &Task, step: Option<&Step>, reason: &Reason) -> String {
    let id = task.task_id;
    match reason {
        Reason::UnmetDependencies { steps } => format!("the end of {}", quoted(steps)),
        Reason::RetryDue { at } => match step {
            Some(step) => format!("time, at {at}; at once by `tasker task retry {id} --step {}`", step.name),
            None => format!("time, at {at}"),
        },
        Reason::NoWorker { queue, handler } => {
            format!("a worker that has the handler `{handler}` and serves the queue `{queue}`")
        }
        Reason::InQueue { ahead: 0, .. } => "the next free slot of a worker".to_owned(),
        Reason::InQueue { .. } => {
            format!("its turn; sooner by more workers or slots, or by `tasker task priority {id} --to N`")
        }
        Reason::Leased { .. } => "the report of its worker, or the end of its lease".to_owned(),
        Reason::LeaseRunOut { .. } => "the next sweep of any engine: a server, or a worker on the database".to_owned(),
        Reason::Paused => format!("`tasker task resume {id}`"),
        Reason::Waiting { until, signal, task } => {
            let signal = signal.as_ref().map(|signal| format!("`tasker task signal {id} {signal}`"));
            let task = task.map(|task| format!("the end of task {task}"));
            let time = until.map(|at| format!("time, at {at}"));
            [signal, task, time].into_iter().flatten().collect::<Vec<_>>().join(", or ")
        }
        Reason::Parts { open, failed: 0, .. } => format!("the end of {open} parts"),
        Reason::Parts { open, failed, .. } => {
            let name = step.map(|step| step.name.as_str()).unwrap_or_default();
            let failed = format!("`tasker task retry {id} --step {name}` for the {failed} parts that failed");
            if *open > 0 { format!("the end of {open} parts, and {failed}") } else { failed }
        }
        Reason::FailedSteps { .. } => {
            format!("`tasker task retry {id}` once the cause is mended, or `tasker task resolve {id}`")
        }
        Reason::Undone { .. } => format!("`tasker task rerun {id}`"),
        Reason::Ended { .. } => format!("`tasker task retry {id}`, or `tasker task rerun {id}`"),
        Reason::Steps => "its steps".to_owned(),
        Reason::Nothing => "nothing: run `tasker doctor`, and report this as a fault".to_owned(),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
