use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Route, TaskSnapshot, Verb};
use crate::model::{Actor, Json, Lease, Outcome, TaskId, WorkerId};

/// Something that has happened, for [`super::decide`] to draw the consequences of.
#[derive(Clone, Debug)]
pub enum Input {
    /// A worker says how an attempt ended.
    Report { lease: Lease, outcome: Outcome },
    /// A step's `due_at` has passed: its lease ended, or its retry is due.
    StepDue { task_id: TaskId, idx: u32 },
    /// A task's deadline has passed.
    DeadlinePassed { task_id: TaskId },
    /// Someone sends the task a signal.
    Signal { task_id: TaskId, name: String, payload: Json, by: Option<String> },
    /// An operator does something to a task.
    Operate { task_id: TaskId, verb: Verb, actor: Actor },
}

impl Input {
    #[must_use]
    pub fn task_id(&self) -> TaskId {
        match self {
            Self::Report { lease, .. } => lease.task_id,
            Self::StepDue { task_id, .. }
            | Self::DeadlinePassed { task_id }
            | Self::Signal { task_id, .. }
            | Self::Operate { task_id, .. } => *task_id,
        }
    }
}

/// A worker's wish for steps.
#[derive(Clone, Debug)]
pub struct Claim {
    pub worker_id: WorkerId,
    /// The queues and handler names that this worker serves.
    pub routes: Arc<HashSet<Route>>,
    /// Steps wanted at most.
    pub want: usize,
    /// How long each lease is given for.
    pub lease: Duration,
    pub look: Look,
}

/// Where to look for steps to claim besides those that become ready in the same commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Nowhere: the queues are believed to be empty.
    Nowhere,
    /// Into the queues, if what became ready is not enough.
    IfShort,
    /// Into the queues in any case, so that urgent steps there go before steps that just became ready.
    Always,
}

/// What must be read of one task before a decision.
#[derive(Clone, Debug)]
pub struct Scope {
    pub task_id: TaskId,
    /// The steps at hand; their dependents are read with them.
    pub steps: Vec<u32>,
    pub whole: bool,
    /// The whole task as it was known before: where it still stands at the same event, it need not be read.
    pub known: Option<Arc<TaskSnapshot>>,
}

impl Scope {
    /// The task and these steps.
    #[must_use]
    pub fn of(task_id: TaskId, steps: Vec<u32>) -> Self {
        Self { task_id, steps, whole: false, known: None }
    }

    /// The task and every step.
    #[must_use]
    pub fn whole(task_id: TaskId) -> Self {
        Self { whole: true, ..Self::of(task_id, Vec::new()) }
    }
}

/// What must be read before a decision on `inputs`: one entry a task, ascending by id, which is the order of locking.
#[must_use]
pub fn scope(inputs: &[Input]) -> Vec<Scope> {
    let mut tasks: BTreeMap<TaskId, (BTreeSet<u32>, bool)> = BTreeMap::new();
    for input in inputs {
        let (steps, whole) = tasks.entry(input.task_id()).or_default();
        match input {
            Input::Report { lease, .. } => drop(steps.insert(lease.step_idx)),
            Input::StepDue { idx, .. } => drop(steps.insert(*idx)),
            Input::DeadlinePassed { .. } | Input::Signal { .. } => *whole = true,
            Input::Operate { verb, .. } => *whole |= verb.needs_whole(),
        }
    }
    let scopes = tasks.into_iter();
    scopes.map(|(task_id, (steps, whole))| Scope { whole, ..Scope::of(task_id, steps.into_iter().collect()) }).collect()
}
