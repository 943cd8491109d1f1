use std::{collections::BTreeSet, sync::Arc};

use super::Refusal;
use serde::{Deserialize, Serialize};

use crate::{
    dag::{NewTask, TemplateKey},
    model::{
        BatchPart, Ending, EventBatch, Json, StepError, StepFlow, StepId, StepState, TaskCounts, TaskFlow, TaskId,
        TaskState, Timestamp, Verdict, WorkerId,
    },
};

/// A queue and a handler name: what decides which workers a step can go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    pub queue: Arc<str>,
    pub handler: Arc<str>,
}

/// What a decision writes, and what it answers. The first seven go to the database in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub tasks: Vec<TaskChange>,
    pub steps: Vec<StepChange>,
    pub events: Vec<EventBatch>,
    /// Steps that batches add to their tasks; `steps` may go on with them.
    pub parts: Vec<NewParts>,
    /// Steps that come to tasks which run: `steps` go on with them.
    pub added: Vec<NewStep>,
    /// Tasks that stand elsewhere in a flow from now on.
    pub flows: Vec<(TaskId, TaskFlow)>,
    /// Tasks that steps start.
    pub spawned: Vec<NewTask>,
    /// Tasks whose steps, as far as they are open, are to be claimed in another order from now on.
    pub priorities: Vec<(TaskId, i16)>,
    /// One for each input, in order.
    pub verdicts: Vec<Verdict>,
    /// Operators' inputs that were refused, by their place among the inputs.
    pub refusals: Vec<(usize, Refusal)>,
    /// Steps handed to the worker that asked.
    pub claimed: Vec<Claimed>,
    /// Tasks that came to their end.
    pub ended: Vec<(TaskId, TaskState)>,
    /// Tasks from which attempts under way were taken.
    pub revoked: BTreeSet<TaskId>,
    /// Where steps became claimable for others.
    pub enqueued: BTreeSet<Route>,
    /// The earliest time at which something decided here falls due, leases apart.
    pub next_due: Option<Timestamp>,
}

impl Changes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.steps.is_empty() && self.events.is_empty()
    }

    /// Takes in the rows of other tasks.
    pub fn add(&mut self, other: &Self) {
        self.tasks.extend_from_slice(&other.tasks);
        self.steps.extend_from_slice(&other.steps);
        self.events.extend_from_slice(&other.events);
    }

    /// The rows of some of the tasks, and the steps of these that were handed out.
    #[must_use]
    pub fn of(&self, is_wanted: impl Fn(TaskId) -> bool) -> Self {
        Self {
            tasks: self.tasks.iter().filter(|task| is_wanted(task.task_id)).cloned().collect(),
            steps: self.steps.iter().filter(|step| is_wanted(step.id.task_id)).cloned().collect(),
            events: self.events.iter().filter(|batch| is_wanted(batch.task_id)).cloned().collect(),
            claimed: self.claimed.iter().filter(|claimed| is_wanted(claimed.id.task_id)).cloned().collect(),
            ..Self::default()
        }
    }
}

/// The changing columns of a task, as they are to be.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskChange {
    pub task_id: TaskId,
    /// Stays as it is: for those who are told of the change.
    pub template: TemplateKey,
    pub state: TaskState,
    pub counts: TaskCounts,
    pub seq: i64,
    pub deadline_at: Option<Timestamp>,
    pub error: Option<StepError>,
    pub updated_at: Timestamp,
    pub completed_at: Option<Timestamp>,
}

/// The changing columns of a step, as they are to be.
#[derive(Clone, Debug, PartialEq)]
pub struct StepChange {
    pub id: StepId,
    pub state: StepState,
    pub attempt: u32,
    pub failures: u32,
    pub losses: u32,
    pub unmet: u32,
    pub due_at: Option<Timestamp>,
    pub worker_id: Option<WorkerId>,
    pub started_at: Option<Timestamp>,
    /// None leaves the end of a step that stays in its state as it is.
    pub ended_at: Option<Timestamp>,
    /// None leaves the stored result as it is.
    pub result: Option<Json>,
    /// None leaves the stored error as it is.
    pub error: Option<StepError>,
    /// None leaves what is stored as it is.
    pub flow: Option<Arc<StepFlow>>,
}

/// The rows of one batch. They have the name of its step with their number, and that step as their only dependent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewParts {
    pub task_id: TaskId,
    /// The step that they are parts of.
    pub step: u32,
    pub name: Arc<str>,
    pub queue: Arc<str>,
    pub handler: Arc<str>,
    pub priority: i16,
    pub parts: Vec<NewPart>,
}

/// The row that a part begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPart {
    pub part: BatchPart,
    /// `enqueued`, or `pending`.
    pub state: StepState,
    /// 1 until its step lets it go.
    pub unmet: u32,
}

/// A step that comes to a task which runs: it is `pending` until [`StepChange`] says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStep {
    pub id: StepId,
    pub name: Arc<str>,
    pub queue: Arc<str>,
    pub handler: Arc<str>,
    pub priority: i16,
    pub unmet: u32,
    pub dependents: Arc<[u32]>,
}

/// A step handed to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub id: StepId,
    pub template: TemplateKey,
    pub attempt: u32,
    pub failures: u32,
    pub lease_until: Timestamp,
    /// Of a step that the task runs before it ends: how it ends.
    pub ending: Option<Arc<Ending>>,
}
