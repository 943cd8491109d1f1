use std::{collections::HashMap, sync::Arc};

use super::{StepChange, TaskChange, Values};
use crate::{
    dag::{NewTask, TemplateKey},
    model::{StepError, StepFlow, StepId, StepState, TaskCounts, TaskFlow, TaskId, TaskState, Timestamp, WorkerId},
};

/// What is stored about the tasks at hand, read under their locks.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The time of the decision, by the store's clock.
    pub now: Timestamp,
    pub tasks: Vec<TaskSnapshot>,
    /// Whether the queues were looked into for steps to claim.
    pub candidates_loaded: bool,
    /// Inputs and results of tasks, as far as a decision has asked for them.
    pub values: HashMap<TaskId, Values>,
}

/// A task row, and those of its steps that were asked for.
#[derive(Clone, Debug)]
pub struct TaskSnapshot {
    pub task_id: TaskId,
    pub template: TemplateKey,
    pub state: TaskState,
    pub priority: i16,
    pub counts: TaskCounts,
    pub seq: i64,
    pub completed_at: Option<Timestamp>,
    pub deadline_at: Option<Timestamp>,
    pub error: Option<StepError>,
    /// Where the task stands in a flow; none for a plain one.
    pub flow: Option<Arc<TaskFlow>>,
    /// Ascending by index.
    pub steps: Vec<StepSnapshot>,
    /// Whether `steps` holds every step of the task.
    pub is_whole: bool,
}

/// A step row without its result.
#[derive(Clone, Debug)]
pub struct StepSnapshot {
    pub id: StepId,
    pub name: Arc<str>,
    pub queue: Arc<str>,
    pub handler: Arc<str>,
    pub state: StepState,
    pub attempt: u32,
    pub failures: u32,
    pub losses: u32,
    pub unmet: u32,
    pub dependents: Arc<[u32]>,
    pub due_at: Option<Timestamp>,
    pub worker_id: Option<WorkerId>,
    pub started_at: Option<Timestamp>,
    /// What it failed with; only for a step in `error`.
    pub error: Option<StepError>,
    /// Where the step stands in a flow; none for a plain one.
    pub flow: Option<Arc<StepFlow>>,
}

impl TaskSnapshot {
    /// A new task as it will be stored, unless it has a deadline or the engine has to begin it: only the database then knows
    /// when that is due.
    #[must_use]
    pub fn of_new(task: &NewTask) -> Self {
        let steps = task.steps.iter().map(|step| StepSnapshot {
            id: StepId::new(task.task_id, step.idx),
            name: Arc::clone(&step.name),
            queue: Arc::clone(&step.queue),
            handler: Arc::clone(&step.handler),
            state: step.state(),
            attempt: 0,
            failures: 0,
            losses: 0,
            unmet: step.unmet,
            dependents: Arc::clone(&step.dependents),
            due_at: None,
            worker_id: None,
            started_at: None,
            error: None,
            flow: None,
        });
        Self {
            task_id: task.task_id,
            template: task.template.clone(),
            state: TaskState::Pending,
            priority: task.submission.priority,
            counts: TaskCounts { total: u32::try_from(task.steps.len()).unwrap_or(u32::MAX), ..TaskCounts::default() },
            seq: 1,
            completed_at: None,
            deadline_at: None,
            error: None,
            flow: task.flow().map(Arc::new),
            steps: steps.collect(),
            is_whole: true,
        }
    }

    /// Whether as many steps are at hand as the task has.
    #[must_use]
    pub fn holds_every_step(&self) -> bool {
        usize::try_from(self.counts.total) == Ok(self.steps.len())
    }

    /// The same task after a change of it.
    #[must_use]
    pub fn after<'a>(&self, change: &TaskChange, steps: impl IntoIterator<Item = &'a StepChange>) -> Self {
        let mut task = self.clone();
        task.state = change.state;
        task.counts = change.counts;
        task.seq = change.seq;
        task.completed_at = change.completed_at;
        task.deadline_at = change.deadline_at;
        task.error.clone_from(&change.error);
        for step in steps {
            if let Ok(at) = task.steps.binary_search_by_key(&step.id.idx, |known| known.id.idx) {
                task.steps[at].take(step);
            }
        }
        task
    }
}

#[cfg(test)]
impl TaskSnapshot {
    /// A task that nothing has happened to, of which these steps are at hand, each in its queue.
    pub(crate) fn sample(task_id: TaskId, steps: impl IntoIterator<Item = u32>, is_whole: bool) -> Self {
        let step = |idx| StepSnapshot {
            id: StepId::new(task_id, idx),
            name: "s".into(),
            queue: "q".into(),
            handler: "h".into(),
            state: StepState::Enqueued,
            attempt: 0,
            failures: 0,
            losses: 0,
            unmet: 0,
            dependents: [].into(),
            due_at: None,
            worker_id: None,
            started_at: None,
            error: None,
            flow: None,
        };
        let steps: Vec<_> = steps.into_iter().map(step).collect();
        Self {
            task_id,
            template: TemplateKey { id: crate::model::TemplateId::new(), environment: None },
            state: TaskState::Pending,
            priority: 0,
            counts: TaskCounts { total: u32::try_from(steps.len()).unwrap_or_default(), ..TaskCounts::default() },
            seq: 1,
            completed_at: None,
            deadline_at: None,
            error: None,
            flow: None,
            steps,
            is_whole,
        }
    }
}

impl StepSnapshot {
    fn take(&mut self, change: &StepChange) {
        self.state = change.state;
        self.attempt = change.attempt;
        self.failures = change.failures;
        self.losses = change.losses;
        self.unmet = change.unmet;
        self.due_at = change.due_at;
        self.worker_id = change.worker_id;
        self.started_at = change.started_at;
        self.error = change.error.clone().filter(|_| change.state == StepState::Error);
        if change.flow.is_some() {
            self.flow.clone_from(&change.flow);
        }
    }
}
