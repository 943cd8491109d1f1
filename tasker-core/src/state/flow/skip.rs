//! Skipping: a step that is left out leaves out what depends on it, up to where branches come together.

use std::sync::Arc;

use crate::{
    model::{Fact, SkipReason, StepFlow, StepState},
    state::{StepCause, StepSnapshot, working::Working},
    template::OnExhaustion,
};

impl Working {
    /// Skips a step that has not begun, and what depends on it: standard steps are skipped with any of their dependencies,
    /// a deferred convergence only with all of them.
    pub(in crate::state) fn skip(&mut self, idx: u32, reason: SkipReason) {
        let mut left_out = vec![(idx, reason)];
        while let Some((idx, reason)) = left_out.pop() {
            if self.step(idx).is_none() {
                self.is_short = true;
                continue;
            }
            // What a failure has cancelled is done already; skipped, it does not come back when the failure is mended.
            let was_open = self.step(idx).is_some_and(|step| !step.state.is_final());
            if self.move_step(idx, StepCause::Skip).is_none() {
                continue;
            }
            self.task.counts.done += u32::from(was_open);
            self.say(Fact::StepSkipped { step: idx, reason, error: None });
            left_out.extend(self.behind(idx));
        }
    }

    /// Skips a step that the one before it did not choose, and keeps which one that was: a task that goes on from this one's
    /// results goes by it too.
    pub(in crate::state) fn leave_out(&mut self, idx: u32, by: u32) {
        self.skip(idx, SkipReason::Decision);
        // It may have been skipped before, for another reason, which need not hold where this one does.
        if self.step(idx).is_some_and(|step| step.state == StepState::Skipped) {
            self.change_flow(idx, |flow| flow.left_out_by.push(by));
        }
    }

    /// The dependents that are skipped with a step that was; convergences among them count it.
    pub(super) fn behind(&mut self, idx: u32) -> Vec<(u32, SkipReason)> {
        let dependents = self.step(idx).map(|step| Arc::clone(&step.dependents)).unwrap_or_default();
        let mut skipped = Vec::new();
        for dependent in dependents.iter().copied() {
            if self.rules(dependent).is_some_and(crate::dag::Rules::is_convergence) {
                self.is_short |= !self.count_down(dependent);
            } else {
                skipped.push((dependent, SkipReason::Dependencies));
            }
        }
        skipped
    }

    /// A branch before a convergence has run.
    pub(in crate::state) fn reach(&mut self, idx: u32) {
        let is_open = self.step(idx).is_some_and(|step| !step.state.is_final());
        if !is_open || !self.rules(idx).is_some_and(crate::dag::Rules::is_convergence) {
            return;
        }
        self.change_flow(idx, |flow| flow.is_reached = true);
    }

    /// Notes of a convergence that was cancelled, and is not any more, which branches have come to it meanwhile. Every step is
    /// at hand.
    pub(in crate::state) fn reach_again(&mut self, idx: u32) {
        let leads_here = |step: &&StepSnapshot| step.dependents.contains(&idx);
        let has_run = |step: &StepSnapshot| match step.state {
            StepState::Complete | StepState::ResolvedManually => true,
            // It failed, and what depends on it runs without its result.
            StepState::Skipped => {
                step.failures + step.losses > 0 && self.on_exhaustion(step.id.idx) == OnExhaustion::Skip
            }
            _ => false,
        };
        if self.rows().filter(leads_here).any(has_run) {
            self.reach(idx);
        }
    }

    /// Changes where a step stands in a flow.
    pub(in crate::state) fn change_flow(&mut self, idx: u32, change: impl FnOnce(&mut StepFlow)) {
        let Some(row) = self.touch(idx) else { return };
        let mut flow = row.flow.as_deref().cloned().unwrap_or_default();
        change(&mut flow);
        if row.flow.as_deref() != Some(&flow) {
            row.flow = Some(Arc::new(flow));
        }
    }
}
