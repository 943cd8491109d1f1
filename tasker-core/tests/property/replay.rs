//! The model: a task as its events alone tell it. Each event must be allowed where it stands, and what they add up to must
//! be what is stored.

use std::sync::Arc;

use tasker_core::{
    model::{
        EventBatch, Fact, SkipReason, StepError, StepState, Task, TaskCounts, TaskState, Timestamp, WorkerId, limits,
    },
    template::OnExhaustion,
};

use crate::{blueprint::Blueprint, ensure, violation::Checked};

pub(crate) struct TaskModel {
    pub(crate) blueprint: Arc<Blueprint>,
    pub(crate) state: TaskState,
    pub(crate) seq: i64,
    /// What operators made it, if they did.
    pub(crate) priority: Option<i16>,
    /// The code of the error.
    pub(crate) error: Option<String>,
    pub(crate) updated_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) deadline_at: Option<Timestamp>,
    pub(crate) steps: Vec<StepModel>,
    /// Whether the task was stopped before its steps were through.
    pub(super) is_stopping: bool,
}

#[derive(Clone)]
pub(crate) struct StepModel {
    pub(crate) state: StepState,
    pub(crate) attempt: u32,
    pub(crate) failures: u32,
    pub(crate) losses: u32,
    pub(crate) unmet: usize,
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) error: Option<StepError>,
    /// May be claimed, and has to be enqueued or started in the batch at hand.
    pub(super) is_fresh: bool,
    /// Was skipped, and what depends on it with it.
    skips_others: bool,
}

impl TaskModel {
    pub(crate) fn new(blueprint: Arc<Blueprint>, task: &Task) -> Self {
        let steps = blueprint.dependencies.iter().map(|list| StepModel {
            state: StepState::Pending,
            attempt: 0,
            failures: 0,
            losses: 0,
            unmet: list.len(),
            retry_at: None,
            worker: None,
            started_at: None,
            ended_at: None,
            error: None,
            is_fresh: list.is_empty(),
            skips_others: false,
        });
        Self {
            steps: steps.collect(),
            state: TaskState::Pending,
            seq: 0,
            priority: None,
            error: None,
            updated_at: task.created_at,
            completed_at: None,
            deadline_at: blueprint.deadline(task.created_at),
            blueprint,
            is_stopping: false,
        }
    }

    pub(crate) fn counts(&self) -> TaskCounts {
        let count = |is: &dyn Fn(StepState) -> bool| {
            u32::try_from(self.steps.iter().filter(|step| is(step.state)).count()).unwrap_or(u32::MAX)
        };
        TaskCounts {
            total: count(&|_| true),
            done: count(&StepState::is_final),
            active: count(&|state| state == StepState::InProgress),
            failed: count(&|state| state == StepState::Error),
        }
    }

    /// Follows the events of one commit, and checks that nothing that follows from them was left out.
    pub(crate) fn follow(&mut self, batch: &EventBatch) -> Checked {
        ensure!(batch.first_seq == self.seq + 1, "events go on with {} after {}", batch.first_seq, self.seq);
        ensure!(!batch.facts.is_empty(), "a commit without events at {}", batch.first_seq);
        for fact in &batch.facts {
            let may_follow_end = match fact {
                Fact::TaskReopened { .. } | Fact::TaskResolved { .. } => self.state == TaskState::Error,
                Fact::TaskRerun { .. } => true,
                _ => false,
            };
            ensure!(!self.state.is_final() || may_follow_end, "{fact:?} after the task ended as {}", self.state);
            self.seq += 1;
            self.take(fact, batch.at)?;
        }
        self.updated_at = batch.at;
        self.check_consequences()
    }

    fn take(&mut self, fact: &Fact, at: Timestamp) -> Checked {
        match fact {
            Fact::Other(fact) => ensure!(false, "`{}` is no word of this version", fact.kind),
            Fact::TaskCreated => {
                ensure!(self.seq == 1 && self.updated_at == at, "created as event {}", self.seq);
                // A task comes into being with its roots in their queues.
                for root in self.steps.iter_mut().filter(|step| step.is_fresh) {
                    root.is_fresh = false;
                    root.state = StepState::Enqueued;
                }
            }
            Fact::TaskStarted => {
                ensure!(self.state == TaskState::Pending, "started when {}", self.state);
                self.state = TaskState::InProgress;
            }
            Fact::TaskCompleted => {
                ensure!(self.counts().done == self.counts().total, "completed with open steps");
                ensure!(self.counts().failed == 0, "completed with failed steps");
                self.end(TaskState::Complete, at);
            }
            Fact::TaskFailed { error } => {
                let is_late = error.code == "deadline_exceeded";
                if is_late {
                    ensure!(self.deadline_at.is_some_and(|deadline| deadline <= at), "failed before its deadline");
                    self.error = Some(error.code.clone());
                } else {
                    ensure!(self.counts().failed > 0, "failed without a failed step");
                }
                ensure!(self.error.as_ref() == Some(&error.code), "failed by {}, not {:?}", error.code, self.error);
                ensure!(self.counts().done == self.counts().total, "failed with open steps");
                self.end(TaskState::Error, at);
            }
            Fact::TaskCancelled { .. } => {
                ensure!(self.counts().done == self.counts().total, "cancelled with open steps");
                self.end(TaskState::Cancelled, at);
            }
            Fact::StepEnqueued { step } => self.enqueue(*step, at)?,
            Fact::StepStarted { step, attempt, worker } => self.start(*step, *attempt, *worker, at)?,
            Fact::StepCompleted { step, attempt, .. } => {
                self.end_attempt(*step, *attempt, StepState::Complete, at)?;
                self.satisfy_dependents(*step);
            }
            Fact::StepFailed { step, attempt, error } => {
                let ended = self.end_attempt(*step, *attempt, StepState::Error, at)?;
                ended.count_failure(error);
                self.error.get_or_insert_with(|| error.code.clone());
            }
            Fact::StepRetryScheduled { step, attempt, error, due_at } => {
                let ended = self.end_attempt(*step, *attempt, StepState::WaitingForRetry, at)?;
                ended.count_failure(error);
                ended.retry_at = Some(*due_at);
            }
            Fact::StepLost { step, attempt } => {
                let ended = self.end_attempt(*step, *attempt, StepState::Enqueued, at)?;
                ended.losses += 1;
                ended.is_fresh = true;
            }
            Fact::StepReleased { step, attempt } => {
                self.end_attempt(*step, *attempt, StepState::Enqueued, at)?.is_fresh = true;
            }
            Fact::TaskPaused { .. }
            | Fact::TaskResumed { .. }
            | Fact::TaskResolved { .. }
            | Fact::TaskReopened { .. }
            | Fact::TaskPrioritized { .. }
            | Fact::TaskRerun { .. }
            | Fact::StepReset { .. }
            | Fact::StepResolved { .. }
            | Fact::StepCompletedManually { .. }
            | Fact::StepReopened { .. }
            | Fact::StepHeld { .. } => self.take_by_hand(fact, at)?,
            Fact::StepSkipped { step, reason, error } => self.skip(*step, *reason, error.as_ref(), at)?,
            Fact::EventPublished { .. }
            | Fact::TaskEnding { .. }
            | Fact::StepAdded { .. }
            | Fact::StepTakenOver { .. }
            | Fact::TaskBlocked { .. }
            | Fact::StepWaiting { .. }
            | Fact::StepSplit { .. }
            | Fact::StepChildStarted { .. }
            | Fact::SignalReceived { .. } => ensure!(false, "no template here asks for it"),
            Fact::StepCancelled { step } => {
                let step = &mut self.steps[*step as usize];
                ensure!(!step.state.is_final(), "cancelled when {}", step.state);
                step.finish(StepState::Cancelled, at);
            }
        }
        Ok(())
    }

    fn skip(&mut self, idx: u32, reason: SkipReason, error: Option<&StepError>, at: Timestamp) -> Checked {
        let rule = self.blueprint.template.steps[idx as usize].on_exhaustion;
        let step = &mut self.steps[idx as usize];
        match (reason, error) {
            (SkipReason::Failure, Some(error)) => {
                ensure!(
                    matches!(rule, OnExhaustion::Skip | OnExhaustion::SkipCascade),
                    "step {idx} may not be skipped"
                );
                ensure!(step.state == StepState::InProgress, "step {idx} failed when {}", step.state);
                step.count_failure(error);
                step.skips_others = rule == OnExhaustion::SkipCascade;
                step.finish(StepState::Skipped, at);
                if rule == OnExhaustion::Skip {
                    self.satisfy_dependents(idx);
                }
            }
            (SkipReason::Dependencies, None) => {
                ensure!(
                    matches!(step.state, StepState::Pending | StepState::Cancelled),
                    "step {idx} skipped when {}",
                    step.state
                );
                step.skips_others = true;
                step.finish(StepState::Skipped, at);
                ensure!(self.is_left_out(idx as usize), "step {idx} was skipped for no reason");
            }
            other => ensure!(false, "step {idx} was skipped by {other:?}"),
        }
        Ok(())
    }

    /// Whether a step depends on one that was skipped together with what depends on it.
    fn is_left_out(&self, idx: usize) -> bool {
        self.blueprint.dependencies[idx].iter().any(|before| self.steps[*before].skips_others)
    }

    fn enqueue(&mut self, idx: u32, at: Timestamp) -> Checked {
        let step = &mut self.steps[idx as usize];
        let is_due = step.retry_at.is_some_and(|retry_at| retry_at <= at);
        let is_retried = step.state == StepState::WaitingForRetry && is_due;
        ensure!(step.is_fresh || is_retried, "step {idx} enqueued when {} (retry {:?})", step.state, step.retry_at);
        ensure!(self.state != TaskState::Paused, "step {idx} enqueued in a paused task");
        step.state = StepState::Enqueued;
        step.is_fresh = false;
        step.retry_at = None;
        Ok(())
    }

    fn start(&mut self, idx: u32, attempt: u32, worker: WorkerId, at: Timestamp) -> Checked {
        ensure!(self.state == TaskState::InProgress, "step {idx} started in a task that is {}", self.state);
        for before in &self.blueprint.dependencies[idx as usize] {
            ensure!(self.steps[*before].state.satisfies(), "step {idx} started before {before} was done");
        }
        let step = &mut self.steps[idx as usize];
        ensure!(step.is_fresh || step.state == StepState::Enqueued, "step {idx} started when {}", step.state);
        ensure!(attempt == step.attempt + 1, "step {idx} has attempt {attempt} after {}", step.attempt);
        step.state = StepState::InProgress;
        step.attempt = attempt;
        step.is_fresh = false;
        step.worker = Some(worker);
        step.started_at = Some(at);
        Ok(())
    }

    fn end_attempt(&mut self, idx: u32, attempt: u32, to: StepState, at: Timestamp) -> Checked<&mut StepModel> {
        let step = &mut self.steps[idx as usize];
        ensure!(step.state == StepState::InProgress, "step {idx} ended as {to} when {}", step.state);
        ensure!(step.attempt == attempt, "step {idx} ended as {to} by attempt {attempt} of {}", step.attempt);
        if to.is_final() {
            step.finish(to, at)
        } else {
            step.state = to
        }
        Ok(step)
    }

    pub(super) fn satisfy_dependents(&mut self, step: u32) {
        let blueprint = Arc::clone(&self.blueprint);
        let dependents = self.steps.iter_mut().zip(&blueprint.dependencies);
        for (dependent, _) in
            dependents.filter(|(dependent, list)| list.contains(&(step as usize)) && !dependent.state.is_final())
        {
            dependent.unmet -= 1;
            dependent.is_fresh = dependent.unmet == 0;
        }
    }

    pub(super) fn end(&mut self, state: TaskState, at: Timestamp) {
        self.is_stopping = matches!(state, TaskState::Cancelled | TaskState::ResolvedManually)
            || self.error.as_deref() == Some("deadline_exceeded");
        self.state = state;
        self.completed_at = Some(at);
        self.deadline_at = None;
    }

    /// What may not be put off to a later commit.
    fn check_consequences(&self) -> Checked {
        for (idx, step) in self.steps.iter().enumerate() {
            ensure!(!step.is_fresh || step.state.is_final(), "step {idx} became ready and was not enqueued");
            let of_step = &self.blueprint.dependencies[idx];
            let is_doomed = of_step
                .iter()
                .any(|before| matches!(self.steps[*before].state, StepState::Error | StepState::Cancelled));
            ensure!(!is_doomed || step.state.is_final(), "step {idx} waits for one that will never be done");
            ensure!(!self.is_left_out(idx) || step.state.is_final(), "step {idx} waits for one that was skipped");
            let is_cancelled = step.state == StepState::Cancelled;
            ensure!(!is_cancelled || is_doomed || self.is_stopping, "step {idx} was cancelled for no reason");
            let policy = self.blueprint.retry(idx);
            ensure!(step.failures <= policy.max_attempts, "step {idx} failed {} times", step.failures);
            ensure!(step.losses <= limits::LOSSES, "step {idx} was lost {} times", step.losses);
        }
        let is_through = self.steps.iter().all(|step| step.state.is_final());
        ensure!(is_through == self.state.is_final(), "the task is {} and its steps through: {is_through}", self.state);
        Ok(())
    }
}

impl StepModel {
    pub(super) fn finish(&mut self, state: StepState, at: Timestamp) {
        self.state = state;
        self.ended_at = Some(at);
        self.retry_at = None;
        self.is_fresh = false;
    }

    /// Lost workers count apart from failures.
    fn count_failure(&mut self, error: &StepError) {
        if error.code == "worker_lost" {
            self.losses += 1;
        } else {
            self.failures += 1;
        }
        self.error = Some(error.clone());
    }
}
