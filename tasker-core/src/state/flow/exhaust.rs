//! What becomes of a step that has failed for good, where it is not the end of its task.

use std::sync::Arc;

use crate::{
    model::{Fact, SkipReason, StepError, StepPlace, StepState, TaskState},
    state::{StepCause, TaskCause, flow::Chosen, task_transition, working::Working},
    template::OnExhaustion,
};

impl Working {
    pub(in crate::state) fn on_exhaustion(&self, idx: u32) -> OnExhaustion {
        match self.strategy(idx) {
            Some(strategy) => self.on_exhaustion_of_part(strategy, idx),
            None => self.rules(idx).map(|rules| rules.on_exhaustion).unwrap_or_default(),
        }
    }

    /// The step is skipped; what depends on it runs without its result, or (`is_cascade`) is skipped too.
    pub(in crate::state) fn skip_failed(&mut self, idx: u32, error: StepError, is_lost: bool, is_cascade: bool) {
        if !self.end_failed(idx, StepCause::Skip, &error, is_lost) {
            return;
        }
        self.task.counts.done += 1;
        self.say(Fact::StepSkipped { step: idx, reason: SkipReason::Failure, error: Some(error) });
        if is_cascade && StepPlace::of(idx).part.is_none() {
            for (dependent, reason) in self.behind(idx) {
                self.skip(dependent, reason);
            }
            return;
        }
        self.is_short |= !self.satisfy_dependents(idx, &Chosen::All);
    }

    /// The step has failed, and what depends on it waits for an operator.
    pub(in crate::state) fn block(&mut self, idx: u32, error: StepError, is_lost: bool) {
        if !self.end_failed(idx, StepCause::Fail, &error, is_lost) {
            return;
        }
        let Some((name, attempt)) = self.step(idx).map(|step| (Arc::clone(&step.name), step.attempt)) else { return };
        self.task.counts.done += 1;
        self.task.counts.failed += 1;
        self.task.error.get_or_insert_with(|| error.of_step(&name));
        self.say(Fact::StepFailed { step: idx, attempt, error });
        if let Some(state) = task_transition(self.task.state, TaskCause::Block) {
            self.task.state = state;
            self.say(Fact::TaskBlocked { step: idx });
        }
    }

    /// A task that waited for an operator goes on when nothing blocks it any more; every step is at hand.
    pub(in crate::state) fn unblock(&mut self) {
        let blocks = |working: &Self, idx: u32| working.on_exhaustion(idx) == OnExhaustion::Block;
        let is_blocked = self.steps_in(StepState::Error).into_iter().any(|idx| blocks(self, idx));
        let cause = match self.task.state {
            TaskState::BlockedByFailures if !is_blocked => TaskCause::Unblock,
            TaskState::Pending | TaskState::InProgress if is_blocked && !self.is_ending() => TaskCause::Block,
            _ => return,
        };
        if let Some(state) = task_transition(self.task.state, cause) {
            self.task.state = state;
        }
    }
}
