//! A task as its events alone tell it, as far as that is needed to hold it against the rows.

use std::collections::BTreeMap;

use tasker_core::model::{EventBatch, Fact, SkipReason, StepPlace, StepState, TaskState};

use crate::{ensure, violation::Checked};

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) seq: i64,
    /// The state of the task; none before the first event, and where it goes on.
    pub(crate) end: Option<TaskState>,
    pub(crate) is_paused: bool,
    /// How it was to end, when that was first known.
    pub(crate) ending: Option<TaskState>,
    pub(crate) steps: BTreeMap<u32, Told>,
    /// What came to the task while it ran, in that order.
    pub(crate) added: Vec<u32>,
}

/// What is told of a step.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) state: Option<StepState>,
    pub(crate) attempt: u32,
    pub(crate) skipped: Option<SkipReason>,
    pub(crate) is_taken_over: bool,
    /// An operator had it run again.
    pub(crate) is_retried: bool,
    /// It may run, and has to be let go, or held, in the same commit.
    is_fresh: bool,
}

impl Log {
    pub(crate) fn is_taken_over(&self, idx: u32) -> bool {
        self.steps.get(&idx).is_some_and(|told| told.is_taken_over)
    }

    pub(crate) fn is_retried(&self, idx: u32) -> bool {
        self.steps.get(&idx).is_some_and(|told| told.is_retried)
    }

    pub(crate) fn follow(&mut self, batch: &EventBatch) -> Checked {
        ensure!(batch.first_seq == self.seq + 1, "events go on with {} after {}", batch.first_seq, self.seq);
        ensure!(!batch.facts.is_empty(), "a commit without events at {}", batch.first_seq);
        for fact in &batch.facts {
            self.seq += 1;
            ensure!((self.seq == 1) == matches!(fact, Fact::TaskCreated), "event {} is {fact:?}", self.seq);
            if let Some(end) = self.end {
                let goes_on = match fact {
                    Fact::TaskReopened { .. } | Fact::TaskResolved { .. } => end == TaskState::Error,
                    Fact::TaskRerun { .. } => true,
                    _ => false,
                };
                ensure!(goes_on, "{fact:?} after the task ended as {end}");
            }
            self.take(fact)?;
        }
        let fresh = self.steps.iter().find(|(_, told)| told.is_fresh);
        ensure!(fresh.is_none(), "step {:?} may run, and was not let go", fresh.map(|(idx, _)| idx));
        Ok(())
    }

    fn take(&mut self, fact: &Fact) -> Checked {
        match fact {
            Fact::TaskCompleted => self.end = Some(TaskState::Complete),
            Fact::TaskFailed { .. } => self.end = Some(TaskState::Error),
            Fact::TaskCancelled { .. } => self.end = Some(TaskState::Cancelled),
            Fact::TaskResolved { .. } => self.end = Some(TaskState::ResolvedManually),
            Fact::TaskReopened { .. } => self.end = None,
            Fact::TaskPaused { .. } => {
                ensure!(!self.is_paused, "paused twice");
                self.is_paused = true;
                for told in self.steps.values_mut().filter(|told| told.state == Some(StepState::Enqueued)) {
                    told.state = Some(StepState::Pending);
                }
            }
            Fact::TaskResumed { .. } => {
                ensure!(self.is_paused, "resumed, and was not paused");
                self.is_paused = false;
            }
            Fact::TaskEnding { status, .. } => {
                ensure!(self.ending.is_none(), "it is told twice how it ends");
                self.ending = Some(*status);
                // Whoever cancels a paused task lets it go on to its end.
                self.is_paused &= *status != TaskState::Cancelled;
            }
            Fact::StepAdded { step } => {
                ensure!(!self.added.contains(step), "step {step} was added twice");
                self.added.push(*step);
            }
            _ => {}
        }
        if self.end.is_some() {
            self.is_paused = false;
        }
        if let Some(idx) = fact.step() {
            let is_paused = self.is_paused;
            self.steps.entry(idx).or_default().take(fact, is_paused)?;
        }
        Ok(())
    }
}

impl Told {
    fn take(&mut self, fact: &Fact, is_paused: bool) -> Checked {
        use StepState::{
            Cancelled, Complete, Enqueued, Error, InProgress, Pending, ResolvedManually, Skipped, Waiting,
            WaitingForRetry,
        };
        let before = self.state;
        self.is_retried |= matches!(fact, Fact::StepReset { .. });
        let to = match fact {
            Fact::StepEnqueued { .. } => {
                ensure!(!is_paused, "enqueued in a paused task");
                Enqueued
            }
            Fact::StepStarted { attempt, .. } => {
                ensure!(*attempt == self.attempt + 1, "attempt {attempt} after {}", self.attempt);
                self.attempt = *attempt;
                InProgress
            }
            Fact::StepChildStarted { attempt, .. } => {
                ensure!(*attempt == self.attempt + 1, "attempt {attempt} after {}", self.attempt);
                self.attempt = *attempt;
                Waiting
            }
            Fact::StepCompleted { attempt, .. } => {
                ensure!(*attempt == self.attempt, "attempt {attempt} of {} completed", self.attempt);
                Complete
            }
            Fact::StepFailed { attempt, .. } => {
                ensure!(*attempt == self.attempt, "attempt {attempt} of {} failed", self.attempt);
                Error
            }
            Fact::StepRetryScheduled { attempt, .. } => {
                ensure!(*attempt == self.attempt, "attempt {attempt} of {} failed", self.attempt);
                WaitingForRetry
            }
            Fact::StepLost { attempt, .. } | Fact::StepReleased { attempt, .. } => {
                ensure!(
                    *attempt == self.attempt && before == Some(InProgress),
                    "attempt {attempt} lost when {before:?}"
                );
                self.is_fresh = true;
                Enqueued
            }
            Fact::StepCancelled { .. } => Cancelled,
            Fact::StepReset { .. } => {
                ensure!(matches!(before, Some(Error | WaitingForRetry)), "reset when {before:?}");
                self.is_fresh = true;
                Enqueued
            }
            Fact::StepResolved { .. } => ResolvedManually,
            Fact::StepCompletedManually { .. } => Complete,
            Fact::StepHeld { .. } => {
                ensure!(is_paused, "held in a task that is not paused");
                Pending
            }
            Fact::StepReopened { .. } => {
                ensure!(before == Some(Cancelled), "reopened when {before:?}");
                Pending
            }
            Fact::StepSkipped { reason, .. } => {
                self.skipped = Some(*reason);
                Skipped
            }
            Fact::StepWaiting { .. } | Fact::StepSplit { .. } => Waiting,
            Fact::StepTakenOver { .. } => {
                self.is_taken_over = true;
                Complete
            }
            Fact::StepAdded { .. } => Pending,
            _ => return Ok(()),
        };
        ensure!(!before.is_some_and(StepState::satisfies), "{fact:?} of a step that is {before:?}");
        if before.is_some_and(StepState::is_final) {
            let by_hand = matches!(
                fact,
                Fact::StepReset { .. }
                    | Fact::StepReopened { .. }
                    | Fact::StepResolved { .. }
                    | Fact::StepCompletedManually { .. }
            );
            ensure!(by_hand || to == Skipped, "{fact:?} of a step that is {before:?}");
        }
        self.is_fresh &= to == Enqueued && !matches!(fact, Fact::StepEnqueued { .. });
        self.state = Some(to);
        // A part that is to run again waits for its turn, which its step gives it.
        if matches!(fact, Fact::StepReset { step, .. } if StepPlace::of(*step).part.is_some()) {
            (self.state, self.is_fresh) = (None, false);
        }
        Ok(())
    }
}
