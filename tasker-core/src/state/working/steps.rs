//! What happens to a step.

use std::sync::Arc;

use super::{Working, WorkingStep};
use crate::{
    dag::Rules,
    model::{Fact, Json, StepError, StepPlace, StepState, Timestamp, bounded_extra},
    state::{
        Claim, Claimed, StepCause, StepSnapshot, Verb,
        flow::{Chosen, is_fed},
        transition::step_transition,
    },
    template::OnExhaustion,
};

impl Working {
    /// Records the result of the running attempt and releases the steps that waited for it, as far as they were chosen.
    /// False if a dependent step is missing from the snapshot.
    pub(in crate::state) fn complete(&mut self, idx: u32, result: Json, chosen: &Chosen) -> bool {
        let Some(_) = self.record(idx, result) else { return true };
        if let Chosen::Parts(split) = chosen {
            self.split(split);
        }
        self.satisfy_dependents(idx, chosen)
    }

    /// Releases what waited for a step that is done, as far as it was chosen. False if some of it is missing from the
    /// snapshot. A part has been counted by the step that it belongs to.
    pub(in crate::state) fn satisfy_dependents(&mut self, idx: u32, chosen: &Chosen) -> bool {
        if StepPlace::of(idx).part.is_some() {
            return true;
        }
        let dependents = self.step(idx).map(|step| Arc::clone(&step.dependents)).unwrap_or_default();
        if self.batches.contains_key(&idx) {
            // Only its parts and itself were read, and the task may have many of those.
            let missing: Vec<u32> = dependents.iter().copied().filter(|idx| self.step(*idx).is_none()).collect();
            if !missing.is_empty() {
                self.lacking.extend(missing);
                return true;
            }
        }
        let mut saw_enough = true;
        for dependent in dependents.iter() {
            if self.is_chosen(*dependent, chosen) {
                saw_enough &= self.satisfy(*dependent);
            } else {
                self.leave_out(*dependent, idx);
            }
        }
        saw_enough
    }

    fn is_chosen(&self, idx: u32, chosen: &Chosen) -> bool {
        match chosen {
            Chosen::All => true,
            Chosen::These(steps) => steps.contains(&idx) || self.rules(idx).is_some_and(Rules::is_convergence),
            Chosen::Parts(split) => {
                let step = self.definition.as_ref().and_then(|definition| definition.step(idx));
                split.worker == idx || !step.is_some_and(is_fed)
            }
        }
    }

    /// A dependency of the step is done.
    pub(in crate::state) fn satisfy(&mut self, idx: u32) -> bool {
        self.reach(idx);
        self.count_down(idx)
    }

    /// One dependency less for the step to wait for. False if it is missing from the snapshot.
    pub(in crate::state) fn count_down(&mut self, idx: u32) -> bool {
        let Some(at) = self.at(idx) else { return false };
        let step = &mut self.steps[at];
        // What another failure cancelled keeps its row as it ended.
        if step.row.state.is_final() {
            return true;
        }
        step.row.unmet = step.row.unmet.saturating_sub(1);
        step.is_touched = true;
        if step.row.unmet == 0 {
            self.ready(idx);
        }
        true
    }

    /// Records the result of the running attempt; what waits for it is not told.
    pub(in crate::state) fn record(&mut self, idx: u32, result: Json) -> Option<usize> {
        let at = self.end_attempt(idx, StepCause::Succeed)?;
        self.count_result(idx, &result);
        self.steps[at].result = Some(result);
        self.task.counts.done += 1;
        self.facts.push(Fact::StepCompleted { step: idx, attempt: self.steps[at].row.attempt, metadata: None });
        Some(at)
    }

    /// Keeps what the handler of a step that was completed just now says besides its result.
    pub(in crate::state) fn keep_metadata(&mut self, idx: u32, said: &serde_json::Value) {
        let completed = self.facts.iter_mut().rev().find_map(|fact| match fact {
            Fact::StepCompleted { step, metadata, .. } if *step == idx => Some(metadata),
            _ => None,
        });
        if let Some(metadata) = completed {
            *metadata = Some(bounded_extra(Box::new(said.clone())));
        }
    }

    /// Completes a step that has not begun with a result from elsewhere; what waits for it is not told.
    pub(in crate::state) fn put_result(&mut self, idx: u32, result: Option<Json>) -> bool {
        let Some(at) = self.move_step(idx, StepCause::TakeOver) else { return false };
        self.steps[at].result = Some(result.unwrap_or_else(Json::null));
        true
    }

    /// Lets the running attempt's step run again after a delay.
    pub(in crate::state) fn retry(&mut self, idx: u32, error: StepError, due_at: Timestamp) {
        let Some(at) = self.end_attempt(idx, StepCause::Retry) else { return };
        let step = &mut self.steps[at];
        step.row.failures += 1;
        step.row.due_at = Some(due_at);
        step.error = Some(error.clone());
        self.facts.push(Fact::StepRetryScheduled { step: idx, attempt: self.steps[at].row.attempt, error, due_at });
    }

    /// Fails the running attempt's step for good, and cancels what can no longer run.
    /// False if that needs steps that are missing from the snapshot.
    pub(in crate::state) fn fail(&mut self, idx: u32, error: StepError, is_lost: bool) -> bool {
        match self.on_exhaustion(idx) {
            OnExhaustion::Fail => return self.fail_task(idx, error, is_lost),
            OnExhaustion::Skip => self.skip_failed(idx, error.clone(), is_lost, false),
            OnExhaustion::SkipCascade => self.skip_failed(idx, error.clone(), is_lost, true),
            OnExhaustion::Block => self.block(idx, error.clone(), is_lost),
        }
        self.fell(idx, &error);
        true
    }

    fn fail_task(&mut self, idx: u32, error: StepError, is_lost: bool) -> bool {
        if !self.end_failed(idx, StepCause::Fail, &error, is_lost) {
            return true;
        }
        let Some((name, attempt, dependents)) =
            self.step(idx).map(|step| (step.name.clone(), step.attempt, step.dependents.clone()))
        else {
            return true;
        };
        self.task.counts.done += 1;
        self.task.counts.failed += 1;
        self.task.error.get_or_insert_with(|| error.of_step(&name));
        self.facts.push(Fact::StepFailed { step: idx, attempt, error });
        if !dependents.is_empty() && !self.task.is_whole {
            return false;
        }
        let mut doomed = dependents.to_vec();
        while let Some(idx) = doomed.pop() {
            if self.cancel_step(idx)
                && let Some(step) = self.step(idx)
            {
                doomed.extend_from_slice(&step.dependents);
            }
        }
        true
    }

    /// Ends a step that failed, by the cause that its rules give it. False if that cannot be.
    pub(in crate::state) fn end_failed(
        &mut self,
        idx: u32,
        cause: StepCause,
        error: &StepError,
        is_lost: bool,
    ) -> bool {
        let Some(at) = self.end_attempt(idx, cause) else { return false };
        let step = &mut self.steps[at];
        if is_lost {
            step.row.losses += 1;
        } else {
            step.row.failures += 1;
        }
        step.error = Some(error.clone());
        step.row.error = Some(error.clone()).filter(|_| step.row.state == StepState::Error);
        true
    }

    /// Puts the running attempt's step back into its queue.
    pub(in crate::state) fn give_back(&mut self, idx: u32, is_lost: bool) {
        let Some(at) = self.end_attempt(idx, StepCause::Return) else { return };
        let step = &mut self.steps[at];
        let attempt = step.row.attempt;
        step.is_fresh = true;
        if is_lost {
            step.row.losses += 1;
            self.facts.push(Fact::StepLost { step: idx, attempt });
        } else {
            self.facts.push(Fact::StepReleased { step: idx, attempt });
        }
    }

    /// The steps that may be handed out.
    pub(in crate::state) fn claimable(&self) -> impl Iterator<Item = &StepSnapshot> {
        let steps = if self.task.state.is_runnable() { self.steps.as_slice() } else { &[] };
        steps.iter().map(|step| &step.row).filter(|row| row.state == StepState::Enqueued)
    }

    /// Hands a step to a worker.
    pub(in crate::state) fn hand_out(&mut self, idx: u32, claim: &Claim) -> Option<Claimed> {
        let at = self.move_step(idx, StepCause::Claim)?;
        self.start_task();
        self.task.counts.active += 1;
        let lease_until = self.now + claim.lease;
        let WorkingStep { row, is_fresh, .. } = &mut self.steps[at];
        row.attempt += 1;
        row.worker_id = Some(claim.worker_id);
        row.started_at = Some(self.now);
        row.due_at = Some(lease_until);
        *is_fresh = false;
        self.facts.push(Fact::StepStarted { step: idx, attempt: row.attempt, worker: claim.worker_id });
        let StepSnapshot { id, attempt, failures, .. } = *row;
        let (template, ending) = (self.task.template.clone(), self.ending.clone());
        Some(Claimed { id, template, attempt, failures, lease_until, ending })
    }

    /// Makes a step claimable.
    pub(in crate::state) fn enqueue(&mut self, idx: u32, cause: StepCause) -> Option<&mut StepSnapshot> {
        let at = self.move_step(idx, cause)?;
        let step = &mut self.steps[at];
        step.row.due_at = None;
        step.is_fresh = true;
        Some(&mut step.row)
    }

    pub(in crate::state) fn cancel_step(&mut self, idx: u32) -> bool {
        self.tell_child(idx, Verb::Cancel);
        let was_running = self.step(idx).is_some_and(|step| step.state == StepState::InProgress);
        if self.move_step(idx, StepCause::Cancel).is_none() {
            return false;
        }
        self.task.counts.active -= u32::from(was_running).min(self.task.counts.active);
        self.task.counts.done += 1;
        self.facts.push(Fact::StepCancelled { step: idx });
        true
    }

    /// Ends a step in its handler's place; false if that cannot be.
    pub(in crate::state) fn close_by_hand(&mut self, idx: u32, cause: StepCause, result: Option<Json>) -> bool {
        self.tell_child(idx, Verb::Cancel);
        let Some(at) = self.move_step(idx, cause) else { return false };
        result.iter().for_each(|result| self.count_result(idx, result));
        let step = &mut self.steps[at];
        step.result = result;
        step.row.error = None;
        true
    }

    pub(in crate::state) fn move_step(&mut self, idx: u32, cause: StepCause) -> Option<usize> {
        let at = self.at(idx)?;
        let step = &mut self.steps[at];
        let before = step.row.state;
        step.row.state = step_transition(before, cause)?;
        step.is_touched = true;
        self.is_touched = true;
        self.is_revoked |= before == StepState::InProgress && cause.revokes();
        step.ended_at = step.row.state.is_final().then_some(self.now);
        if step.row.state.is_final() {
            step.row.due_at = None;
        }
        let (after, is_let_go) = (step.row.state, step.row.unmet == 0);
        self.follow_batch(idx, before, after, is_let_go);
        Some(at)
    }

    fn end_attempt(&mut self, idx: u32, cause: StepCause) -> Option<usize> {
        let was_running = self.step(idx).is_some_and(|step| step.state == StepState::InProgress);
        let at = self.move_step(idx, cause)?;
        self.task.counts.active -= u32::from(was_running).min(self.task.counts.active);
        self.steps[at].row.due_at = None;
        Some(at)
    }
}
