//! What a step does when nothing is unmet any more.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{HeldRules, Wanted};
use crate::{
    dag::Definition,
    model::{Fact, SkipReason, StepError, StepState, TaskState},
    state::{StepCause, working::Working},
    template::{Expression, Scope},
};

impl Working {
    /// Lets a step with nothing unmet begin: a plain one is enqueued, others by their rules.
    pub(in crate::state) fn ready(&mut self, idx: u32) {
        let Some(rules) = self.rules_held(idx) else {
            self.enqueue(idx, StepCause::Ready);
            return;
        };
        if self.hold(idx) {
            return;
        }
        if rules.get().is_convergence() && !self.is_reached(idx) {
            return self.skip(idx, SkipReason::Dependencies);
        }
        if let Some(when) = &rules.get().when {
            match self.evaluate(idx, when) {
                None => return,
                Some(Ok(Value::Bool(true))) => {}
                Some(Ok(Value::Bool(false))) => return self.skip(idx, SkipReason::Condition),
                Some(other) => return self.fail_unbegun(idx, when_failed(when, other)),
            }
        }
        self.start(idx, &rules);
    }

    pub(super) fn start(&mut self, idx: u32, rules: &HeldRules) {
        let rules = rules.get();
        match (&rules.wait, &rules.workflow, &rules.batch) {
            (Some(wait), ..) => self.begin_wait(idx, wait),
            (_, Some(workflow), _) => self.begin_workflow(idx, workflow),
            (.., Some(batch)) => self.begin_batch(idx, batch),
            (None, None, None) => drop(self.enqueue(idx, StepCause::Ready)),
        }
    }

    /// The value of an expression of a step; none if it reads what is not at hand, which is then asked for.
    pub(super) fn evaluate(&mut self, idx: u32, expression: &Expression) -> Option<Result<Value, String>> {
        let definition = Arc::clone(self.definition.as_ref()?);
        let before = definition.before(idx);
        self.evaluate_over(before, expression, &definition)
    }

    /// The value of an expression over some of the steps.
    pub(super) fn evaluate_over(
        &mut self,
        steps: impl Iterator<Item = u32>,
        expression: &Expression,
        definition: &Definition,
    ) -> Option<Result<Value, String>> {
        let is_read =
            |name: &Arc<str>| expression.reads_all_results() || expression.steps().iter().any(|step| **step == **name);
        let read: Vec<_> = steps
            .filter_map(|step| Some((step, Arc::clone(&definition.steps.get(step as usize)?.name))))
            .filter(|(_, name)| is_read(name))
            .collect();
        let mut results = BTreeMap::new();
        let mut missing = Vec::new();
        for (step, name) in read {
            if let Some(fresh) = self.fresh_result(step) {
                results.insert(name, Arc::new(fresh.to_value()));
            } else if let Some(known) = self.values.as_ref().and_then(|values| values.results.get(&step)) {
                results.extend(known.clone().map(|value| (name, value)));
            } else {
                missing.push(step);
            }
        }
        let input = self.values.as_ref().map(|values| Arc::clone(&values.input));
        match input {
            Some(input) if missing.is_empty() => Some(expression.evaluate(&Scope { input: &input, results: &results })),
            _ => {
                self.want(missing);
                None
            }
        }
    }

    /// In a paused task, a step that the engine has to see to stays where it is until the task goes on.
    fn hold(&mut self, idx: u32) -> bool {
        if self.task.state != TaskState::Paused {
            return false;
        }
        // One that became ready just now is `pending` already.
        let is_ready = self.step(idx).is_some_and(|step| step.state == StepState::Pending);
        if self.move_step(idx, StepCause::Hold).is_some() || is_ready {
            self.say(Fact::StepHeld { step: idx });
        }
        true
    }

    /// A step runs again: its retry is due, or an operator wants it.
    pub(in crate::state) fn again(&mut self, idx: u32) {
        let Some(rules) = self.rules_held(idx).filter(|rules| rules.get().begins_by_engine()) else {
            self.enqueue(idx, StepCause::Due);
            return;
        };
        if !self.hold(idx) {
            if let Some(row) = self.touch(idx) {
                row.due_at = None;
            }
            self.start(idx, &rules);
        }
    }

    /// A step that an operator has reset is no longer in a queue if it needs no worker.
    pub(in crate::state) fn begin_again(&mut self, idx: u32) {
        if let Some(rules) = self.rules_held(idx).filter(|rules| rules.get().begins_by_engine()) {
            self.start(idx, &rules);
        }
    }

    /// Asks for the input, and for results of steps.
    pub(super) fn want(&mut self, results: Vec<u32>) {
        let wanted = self.wanted_mut();
        wanted.results.extend(results);
        wanted.results.sort_unstable();
        wanted.results.dedup();
    }

    /// Asks for the results of every part of a step.
    pub(super) fn want_parts(&mut self, head: u32) {
        let wanted = self.wanted_mut();
        if !wanted.parts.contains(&head) {
            wanted.parts.push(head);
        }
    }

    fn wanted_mut(&mut self) -> &mut Wanted {
        let task_id = self.task.task_id;
        self.wanted.get_or_insert_with(|| Wanted { task_id, results: Vec::new(), parts: Vec::new() })
    }

    /// Whether a branch before a convergence has run.
    fn is_reached(&self, idx: u32) -> bool {
        let is_known = self.step(idx).is_some_and(|step| step.flow.as_ref().is_some_and(|flow| flow.is_reached));
        is_known || self.has_branch_done(idx)
    }

    /// The same from the rows, for a convergence that an operator has brought back.
    fn has_branch_done(&self, idx: u32) -> bool {
        let branches =
            self.definition.as_ref().map(|definition| definition.graph.dependencies(idx)).unwrap_or_default();
        let is_done = |state| matches!(state, StepState::Complete | StepState::ResolvedManually);
        branches.iter().any(|branch| self.step(*branch).is_some_and(|step| is_done(step.state)))
    }

    /// A step that has not begun fails for good.
    pub(super) fn fail_unbegun(&mut self, idx: u32, error: StepError) {
        if self.step(idx).is_some_and(|step| !step.state.is_final() && step.state != StepState::InProgress) {
            self.is_short |= !self.fail(idx, error, false);
        }
    }
}

fn when_failed(when: &Expression, value: Result<Value, String>) -> StepError {
    let reason = match value {
        Ok(value) => format!("it is {value}, and neither true nor false"),
        Err(reason) => reason,
    };
    StepError::permanent("when_failed", format!("`when: {}` has no answer: {reason}", when.text()))
}
