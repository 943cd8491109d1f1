//! What a task does before it ends: what was done is undone, step by step and the last first, then `finally` runs.
//!
//! Both come to the task as steps of their own when it is time for them. Which comes next is told from the rows: nothing is
//! kept beside them but how the task ends.

use std::sync::Arc;

use serde_json::json;

use super::child_of;
use crate::{
    dag::{Definition, EndWork},
    model::{Ending, Fact, StepError, StepId, StepState, TaskState},
    state::{NewStep, StepSnapshot, TaskCause, Verb, judge::Judgement, task_transition, working::Working},
};

impl Working {
    /// Whether the steps that the task began with are left as they are, because it is known how it ends.
    pub(in crate::state) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Whether a step is one that the task began with, and not one that it runs before it ends.
    pub(in crate::state) fn is_own(&self, idx: u32) -> bool {
        self.definition.as_ref().is_none_or(|definition| definition.end_work.is_own(idx))
    }

    /// Lets the task end before its steps are through; every step is at hand. What runs and might have to be undone is let
    /// end, since only then is it known whether there is something to undo; sub-workflows are waited for.
    pub(in crate::state) fn begin_ending(&mut self, ending: Ending) {
        let Some(definition) = self.definition.clone() else { return };
        let open: Vec<u32> = self.rows().filter(|step| !step.state.is_final()).map(|step| step.id.idx).collect();
        for idx in open {
            let Some(step) = self.step(idx) else { continue };
            if child_of(step).is_some() {
                self.tell_child(idx, Verb::Cancel);
            } else if step.state != StepState::InProgress || !definition.end_work.is_undone(idx) {
                self.cancel_step(idx);
            }
        }
        if let Some(state) = task_transition(self.task.state, TaskCause::Unblock) {
            self.task.state = state;
            self.go_on();
        }
        self.set_ending(Arc::new(ending));
    }

    /// How an attempt of one of its own steps ends in a task that is ending: it is done, or it is given up.
    pub(in crate::state) fn end_last_attempt(&mut self, idx: u32, judgement: Judgement) {
        match judgement {
            Judgement::Complete { result, .. } => drop(self.record(idx, result)),
            _ => drop(self.cancel_step(idx)),
        }
    }

    /// Ends the task, whose steps are through, or adds what comes before that. True if something was added.
    pub(in crate::state) fn end_or_add(&mut self) -> bool {
        let Some(definition) = self.definition.clone() else { return false };
        let work = &definition.end_work;
        let is_undoing = self.is_ending() || self.task.counts.failed > 0;
        if !work.finally.is_empty() || !work.compensations.is_empty() && is_undoing {
            if !self.task.is_whole {
                self.is_short = true;
                return false;
            }
            if self.add_next(&definition) {
                return true;
            }
        }
        let (cause, fact) = self.verdict(work);
        self.end(cause, fact);
        false
    }

    /// The compensation that comes next, or else the steps of `finally`; false if all of that has been.
    fn add_next(&mut self, definition: &Definition) -> bool {
        let EndWork { finally, compensations } = &definition.end_work;
        if finally.clone().any(|idx| self.step(idx).is_some()) {
            return false;
        }
        let ending = self.ending.clone().unwrap_or_else(|| {
            let is_failed = self.task.counts.failed > 0;
            Arc::new(if is_failed { Ending::failed(self.task.error.clone()) } else { Ending::complete() })
        });
        let is_done = |idx: u32| self.step(idx).is_some_and(|step| step.state == StepState::Complete);
        let is_next = |(compensation, step): &&(u32, u32)| is_done(*step) && self.step(*compensation).is_none();
        let next = compensations.iter().find(is_next).filter(|_| ending.status != TaskState::Complete);
        let added = match next {
            Some((compensation, _)) => vec![*compensation],
            None => finally.clone().collect(),
        };
        if added.is_empty() {
            return false;
        }
        self.set_ending(ending);
        self.announce_ending();
        for idx in &added {
            self.add_step(*idx, definition);
        }
        for idx in added {
            if self.step(idx).is_some_and(|step| step.unmet == 0) {
                self.ready(idx);
            }
        }
        true
    }

    fn set_ending(&mut self, ending: Arc<Ending>) {
        self.ending = Some(ending);
        self.task.deadline_at = None;
        self.touch_task();
    }

    /// Tells how the task ends, once, if that takes more than this decision.
    pub(in crate::state) fn announce_ending(&mut self) {
        let was_known = self.task.flow.as_ref().is_some_and(|flow| flow.ending.is_some());
        let Some(ending) = self.ending.clone().filter(|_| !was_known && !self.has_announced) else { return };
        self.has_announced = true;
        let Ending { status, error, .. } = &*ending;
        self.say(Fact::TaskEnding { status: *status, error: error.clone(), actor: ending.actor() });
    }

    fn add_step(&mut self, idx: u32, definition: &Definition) {
        let Some(planned) = definition.steps.get(idx as usize) else { return };
        let new = NewStep {
            id: StepId::new(self.task.task_id, idx),
            name: Arc::clone(&planned.name),
            queue: Arc::clone(&planned.queue),
            handler: Arc::clone(&planned.handler),
            priority: self.task.priority,
            unmet: planned.unmet,
            dependents: Arc::clone(&planned.dependents),
        };
        self.insert(&new);
        self.say(Fact::StepAdded { step: idx });
    }

    /// How the task ends now that nothing is left to do.
    fn verdict(&mut self, work: &EndWork) -> (TaskCause, Fact) {
        let Some(ending) = self.ending.clone() else {
            return match self.task.error.clone().filter(|_| self.task.counts.failed > 0) {
                Some(error) => (TaskCause::Fail, Fact::TaskFailed { error }),
                None => (TaskCause::Complete, Fact::TaskCompleted),
            };
        };
        let error = match ending.status {
            _ if self.failed(work).any(|step| work.compensates(step.id.idx).is_some()) => {
                Some(self.compensation_failed(&ending, work))
            }
            TaskState::Error => Some(ending.error.clone().unwrap_or_else(unknown)),
            _ => self
                .failed(work)
                .next()
                .map(|step| step.error.as_ref().map_or_else(unknown, |error| error.of_step(&step.name))),
        };
        if let Some(error) = error {
            self.task.error = Some(error.clone());
            return (TaskCause::Fail, Fact::TaskFailed { error });
        }
        match ending.status {
            TaskState::Cancelled => (TaskCause::Cancel, Fact::TaskCancelled { actor: ending.actor() }),
            _ => (TaskCause::Complete, Fact::TaskCompleted),
        }
    }

    /// What failed of that which the task did before its end.
    fn failed<'w>(&'w self, work: &'w EndWork) -> impl Iterator<Item = &'w StepSnapshot> {
        self.rows().filter(|step| step.state == StepState::Error && !work.is_own(step.id.idx))
    }

    fn compensation_failed(&self, ending: &Ending, work: &EndWork) -> StepError {
        let failed: Vec<_> = self.failed(work).filter(|step| work.compensates(step.id.idx).is_some()).collect();
        let said = |step: &&StepSnapshot| {
            let error = step.error.as_ref();
            json!({"step": *step.name, "code": error.map(|it| &it.code), "message": error.map(|it| &it.message)})
        };
        let names: Vec<_> = failed.iter().map(|step| format!("`{}`", step.name)).collect();
        let why = match &ending.error {
            Some(error) => error.message.clone(),
            None => format!("the task was to end as `{}`", ending.status),
        };
        let message = format!("not everything was undone, since {} failed; before that: {why}", names.join(", "));
        let because = ending.error.as_ref().map(|error| json!({"code": error.code, "message": error.message}));
        let context = json!({"failed": failed.iter().map(said).collect::<Vec<_>>(), "because": because});
        StepError::permanent("compensation_failed", message).with_context(context).bounded()
    }
}

fn unknown() -> StepError {
    StepError::permanent("task_failed", "what failed is not known")
}

impl Working {
    /// Adds a row to the task, which is written with this decision.
    fn insert(&mut self, new: &NewStep) {
        let row = StepSnapshot {
            id: new.id,
            name: Arc::clone(&new.name),
            queue: Arc::clone(&new.queue),
            handler: Arc::clone(&new.handler),
            state: StepState::Pending,
            attempt: 0,
            failures: 0,
            losses: 0,
            unmet: new.unmet,
            dependents: Arc::clone(&new.dependents),
            due_at: None,
            worker_id: None,
            started_at: None,
            error: None,
            flow: None,
        };
        self.task.counts.total += 1;
        self.place_row(row);
        self.added.push(new.clone());
    }
}
