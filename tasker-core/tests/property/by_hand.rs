//! What operators do, as the events tell it.

use tasker_core::model::{Fact, StepState, TaskState, Timestamp};

use crate::{ensure, replay::TaskModel, violation::Checked};

impl TaskModel {
    pub(super) fn take_by_hand(&mut self, fact: &Fact, at: Timestamp) -> Checked {
        match fact {
            Fact::TaskPaused { .. } => {
                ensure!(matches!(self.state, TaskState::Pending | TaskState::InProgress), "paused when {}", self.state);
                self.state = TaskState::Paused;
                for step in self.steps.iter_mut().filter(|step| step.state == StepState::Enqueued) {
                    step.state = StepState::Pending;
                }
            }
            Fact::TaskResumed { .. } => {
                ensure!(self.state == TaskState::Paused, "resumed when {}", self.state);
                self.go_on();
                for step in self.steps.iter_mut().filter(|step| step.state == StepState::Pending && step.unmet == 0) {
                    step.is_fresh = true;
                }
            }
            Fact::TaskReopened { .. } => {
                ensure!(self.state == TaskState::Error, "reopened when {}", self.state);
                self.go_on();
                self.is_stopping = false;
                self.completed_at = None;
                self.deadline_at = self.blueprint.deadline(at);
                self.find_error();
            }
            Fact::TaskResolved { .. } => {
                ensure!(self.counts().done == self.counts().total, "resolved with open steps");
                self.end(TaskState::ResolvedManually, at);
            }
            Fact::TaskPrioritized { priority, .. } => self.priority = Some(*priority),
            Fact::TaskRerun { .. } => ensure!(self.state.is_final(), "run again when {}", self.state),
            Fact::StepReset { step: idx, .. } => {
                let step = &mut self.steps[*idx as usize];
                let has_failed = matches!(step.state, StepState::Error | StepState::WaitingForRetry);
                ensure!(has_failed, "step {idx} reset when {}", step.state);
                (step.state, step.is_fresh) = (StepState::Enqueued, true);
                (step.failures, step.losses) = (0, 0);
                (step.retry_at, step.ended_at) = (None, None);
                self.find_error();
            }
            Fact::StepReopened { step: idx } => {
                let waits_for = &self.blueprint.dependencies[*idx as usize];
                let unmet = waits_for.iter().filter(|before| !self.steps[**before].state.satisfies()).count();
                let step = &mut self.steps[*idx as usize];
                ensure!(step.state == StepState::Cancelled, "step {idx} reopened when {}", step.state);
                (step.state, step.ended_at) = (StepState::Pending, None);
                (step.unmet, step.is_fresh) = (unmet, unmet == 0);
            }
            Fact::StepResolved { step, .. } => self.close(*step, StepState::ResolvedManually, at)?,
            Fact::StepCompletedManually { step, .. } => self.close(*step, StepState::Complete, at)?,
            Fact::StepHeld { step: idx } => {
                ensure!(self.state == TaskState::Paused, "step {idx} held in a task that is {}", self.state);
                let step = &mut self.steps[*idx as usize];
                let is_due = step.retry_at.is_some_and(|retry_at| retry_at <= at);
                ensure!(step.is_fresh || is_due, "step {idx} held when {}", step.state);
                (step.state, step.is_fresh, step.retry_at) = (StepState::Pending, false, None);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, idx: u32, state: StepState, at: Timestamp) -> Checked {
        let step = &mut self.steps[idx as usize];
        ensure!(!step.state.satisfies(), "step {idx} closed when {}", step.state);
        step.finish(state, at);
        self.satisfy_dependents(idx);
        self.find_error();
        Ok(())
    }

    /// A task that had begun is `in_progress` again.
    fn go_on(&mut self) {
        let has_begun = self.steps.iter().any(|step| step.attempt > 0);
        self.state = if has_begun { TaskState::InProgress } else { TaskState::Pending };
    }

    fn find_error(&mut self) {
        let mut failed = self.steps.iter().filter(|step| step.state == StepState::Error);
        self.error = failed.find_map(|step| step.error.as_ref().map(|error| error.code.clone()));
    }
}
