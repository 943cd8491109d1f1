use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    dag::NewTask,
    model::{Json, StepState, TaskId, TaskState},
};

/// What an operator does to a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Ends it: open steps are cancelled, and what running handlers still report is refused.
    Cancel,
    /// Lets no further step start. Running attempts go on and are recorded; the deadline stands.
    Pause,
    Resume,
    /// Closes it by hand: open steps are cancelled.
    Resolve,
    /// Lets steps run again, with all their attempts anew.
    Retry(Which),
    /// Closes steps by hand, which satisfies what waits for them.
    ResolveSteps {
        which: Which,
        result: Option<Json>,
    },
    /// Gives the result of a step in its handler's place.
    CompleteStep {
        which: Which,
        result: Json,
    },
    Prioritize(i16),
    /// Has an ended task run again as another, from a step on.
    RerunFrom(Box<Takeover>),
    /// Keeps in the history of an ended task that it runs again as another, unless the task has moved on from `seq`.
    NoteRerun {
        task: TaskId,
        seq: i64,
    },
}

/// A task that goes on from where another one stood.
#[derive(Clone, Debug)]
pub struct Takeover {
    pub task: NewTask,
    /// The step that it runs again, with all that depend on it.
    pub from: u32,
    /// Results of steps that were done, and of those that are given in their place.
    pub results: BTreeMap<u32, Json>,
    /// The steps whose results are given.
    pub given: BTreeSet<u32>,
}

/// There is one of a kind: no two tasks have the same id.
impl PartialEq for Takeover {
    fn eq(&self, other: &Self) -> bool {
        self.task.task_id == other.task.task_id
    }
}

/// Which steps of a task an operator means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that are in `error`.
    Failed,
    Idx(u32),
    Name(Arc<str>),
}

/// Why an operator's input changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSuchTask,
    /// The task is in a state in which this cannot be done to it.
    TaskState(TaskState),
    NoSuchStep,
    /// The step is in a state in which this cannot be done to it.
    StepState {
        step: Arc<str>,
        state: StepState,
    },
    /// The step waits for one that failed: that one has to be seen to first.
    Doomed {
        step: Arc<str>,
        by: Arc<str>,
    },
    /// The task is on its way to its end, or was: only what it does before that can be retried or resolved.
    Ending,
    /// The task ran for a step of another, which was told of its end.
    NotAwaited {
        parent: TaskId,
        step: Arc<str>,
    },
    /// The step that a task is to be run again from comes after one that has no result, or that would have to split work again.
    NoResult {
        step: Arc<str>,
    },
    /// None of the task's steps is in `error`.
    NothingFailed,
}
