use std::time::Duration;

use tasker_core::{
    dag::{Graph, layers},
    model::{Event, Fact, Json, Step, StepError, StepState, Task, TaskId, TaskState, Timestamp},
    orchestration::{self, Engine},
};

use crate::failure::Result;

/// A task and its steps, as the events seen so far tell it.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) task_id: TaskId,
    /// `namespace/name`
    pub(crate) template: String,
    pub(crate) version: String,
    pub(crate) state: TaskState,
    pub(crate) error: Option<StepError>,
    pub(crate) created_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) steps: Vec<StepProgress>,
    /// The steps in layers, each of which can run when those before it are done.
    pub(crate) layers: Vec<Vec<u32>>,
    /// Number of the last event that was applied.
    pub(crate) seq: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct StepProgress {
    pub(crate) name: String,
    pub(crate) state: StepState,
    pub(crate) attempt: u32,
    pub(crate) attempts_max: u32,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    /// When the next attempt may begin.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) error: Option<StepError>,
    pub(crate) result: Option<Json>,
}

impl Progress {
    /// A task before its first event.
    pub(crate) async fn new(engine: &Engine, task: &Task) -> Result<Self> {
        let stored = engine.template(&task.namespace, &task.name, Some(&task.version)).await?;
        let template = stored.template.for_environment(task.environment.as_deref());
        let graph = Graph::new(&template).map_err(|error| orchestration::Error::Definition(error.into()))?;
        let steps = (0..).zip(&template.steps).map(|(idx, step)| StepProgress {
            name: step.name.clone(),
            state: if graph.dependencies(idx).is_empty() { StepState::Enqueued } else { StepState::Pending },
            attempt: 0,
            attempts_max: if step.retry.retryable { step.retry.max_attempts } else { 1 },
            started_at: None,
            ended_at: None,
            due_at: None,
            error: None,
            result: None,
        });
        Ok(Self {
            task_id: task.task_id,
            template: format!("{}/{}", task.namespace, task.name),
            version: task.version.clone(),
            state: TaskState::Pending,
            error: None,
            created_at: task.created_at,
            ended_at: None,
            steps: steps.collect(),
            layers: layers(&graph),
            seq: 0,
        })
    }

    /// A task as it is stored.
    pub(crate) async fn of_stored(engine: &Engine, task: &Task, steps: &[Step]) -> Result<Self> {
        let mut progress = Self::new(engine, task).await?;
        (progress.state, progress.error) = (task.state, task.error.clone());
        (progress.ended_at, progress.seq) = (task.completed_at, task.seq);
        for (shown, step) in progress.steps.iter_mut().zip(steps) {
            (shown.state, shown.attempt) = (step.state, step.attempt);
            (shown.started_at, shown.ended_at) = (step.started_at, step.ended_at);
            shown.due_at = step.due_at;
            (shown.error, shown.result) = (step.error.clone(), step.result.clone());
        }
        Ok(progress)
    }

    /// Another task of the same template, before its first event; `self` must be so too.
    pub(crate) fn for_task(&self, task: &Task) -> Self {
        Self { task_id: task.task_id, created_at: task.created_at, ..self.clone() }
    }

    pub(crate) fn step(&self, idx: u32) -> Option<&StepProgress> {
        self.steps.get(idx as usize)
    }

    /// Draws the consequence of the next event.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.seq = event.seq;
        match &event.fact {
            Fact::TaskCreated => self.state = TaskState::Pending,
            Fact::TaskStarted => self.state = TaskState::InProgress,
            Fact::TaskCompleted => self.end(TaskState::Complete, event.at),
            Fact::TaskFailed { error } => {
                self.error = Some(error.clone());
                self.end(TaskState::Error, event.at);
            }
            Fact::TaskCancelled { .. } => self.end(TaskState::Cancelled, event.at),
            Fact::TaskResolved { .. } => self.end(TaskState::ResolvedManually, event.at),
            Fact::TaskPaused { .. } => {
                self.state = TaskState::Paused;
                for step in self.steps.iter_mut().filter(|step| step.state == StepState::Enqueued) {
                    step.state = StepState::Pending;
                }
            }
            Fact::TaskResumed { .. } => self.go_on(),
            Fact::TaskBlocked { .. } => self.state = TaskState::BlockedByFailures,
            Fact::TaskReopened { .. } => {
                (self.error, self.ended_at) = (None, None);
                self.go_on();
            }
            fact => {
                if let Some(step) = fact.step().and_then(|idx| self.steps.get_mut(idx as usize)) {
                    step.apply(fact, event.at);
                }
            }
        }
    }

    /// As the engine has it: a task that had begun is `in_progress` again.
    fn go_on(&mut self) {
        let has_begun = self.steps.iter().any(|step| step.attempt > 0);
        self.state = if has_begun { TaskState::InProgress } else { TaskState::Pending };
    }

    fn end(&mut self, state: TaskState, at: Timestamp) {
        self.state = state;
        self.ended_at = Some(at);
    }
}

impl StepProgress {
    /// How long the current or last attempt has taken; none before the first.
    pub(crate) fn duration(&self, now: Timestamp) -> Option<Duration> {
        let started_at = self.started_at?;
        match self.state {
            StepState::InProgress => Some(now.since(started_at)),
            _ => Some(self.ended_at?.since(started_at)),
        }
    }

    fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::StepEnqueued { .. } | Fact::StepLost { .. } | Fact::StepReleased { .. } => {
                self.state = StepState::Enqueued;
                self.due_at = None;
            }
            Fact::StepStarted { attempt, .. } => {
                (self.state, self.attempt) = (StepState::InProgress, *attempt);
                (self.started_at, self.ended_at, self.due_at) = (Some(at), None, None);
            }
            Fact::StepCompleted { .. } => self.end(StepState::Complete, at),
            Fact::StepFailed { error, .. } => {
                self.error = Some(error.clone());
                self.end(StepState::Error, at);
            }
            Fact::StepRetryScheduled { error, due_at, .. } => {
                self.error = Some(error.clone());
                self.end(StepState::WaitingForRetry, at);
                self.due_at = Some(*due_at);
            }
            Fact::StepCancelled { .. } => self.end(StepState::Cancelled, at),
            Fact::StepReset { .. } => {
                (self.state, self.ended_at, self.due_at) = (StepState::Enqueued, None, None);
            }
            Fact::StepHeld { .. } => (self.state, self.due_at) = (StepState::Pending, None),
            Fact::StepReopened { .. } => (self.state, self.ended_at) = (StepState::Pending, None),
            Fact::StepResolved { .. } => self.end(StepState::ResolvedManually, at),
            Fact::StepCompletedManually { .. } => self.end(StepState::Complete, at),
            Fact::StepSkipped { error, .. } => {
                self.error.clone_from(error);
                self.end(StepState::Skipped, at);
            }
            Fact::StepWaiting { due_at, .. } => {
                (self.state, self.started_at, self.due_at) = (StepState::Waiting, Some(at), *due_at);
            }
            Fact::StepChildStarted { attempt, .. } => {
                (self.state, self.attempt) = (StepState::Waiting, *attempt);
                (self.started_at, self.ended_at, self.due_at) = (Some(at), None, None);
            }
            Fact::SignalReceived { .. }
            | Fact::EventPublished { .. }
            | Fact::TaskBlocked { .. }
            | Fact::TaskCreated
            | Fact::TaskStarted
            | Fact::TaskCompleted
            | Fact::TaskFailed { .. }
            | Fact::TaskCancelled { .. }
            | Fact::TaskPaused { .. }
            | Fact::TaskResumed { .. }
            | Fact::TaskResolved { .. }
            | Fact::TaskReopened { .. }
            | Fact::TaskPrioritized { .. }
            | Fact::TaskRerun { .. } => {}
        }
    }

    fn end(&mut self, state: StepState, at: Timestamp) {
        self.state = state;
        self.due_at = None;
        self.ended_at = Some(at);
    }
}
