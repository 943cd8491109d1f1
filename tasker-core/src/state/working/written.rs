//! What is told and written at the end of a decision.

use std::sync::Arc;

use super::{Working, WorkingStep};
use crate::{
    model::{EventBatch, Fact, StepPlace, StepState, TaskFlow, TaskState, Timestamp},
    state::{NewPart, NewParts, Route, Scope, StepCause, StepChange, TaskChange},
};

impl Working {
    /// Tells of the steps that became claimable and were not handed out. Those of a paused task wait for it to go on, out
    /// of the queue, so that claims need not pass over them.
    pub(in crate::state) fn announce_fresh(&mut self) -> Vec<Route> {
        let mut routes = Vec::new();
        if self.task.state == TaskState::Paused {
            for idx in self.steps_in(StepState::Enqueued) {
                self.move_step(idx, StepCause::Hold);
                self.facts.push(Fact::StepHeld { step: idx });
            }
            return routes;
        }
        for step in self.steps.iter_mut().filter(|step| step.is_fresh && step.row.state == StepState::Enqueued) {
            step.is_fresh = false;
            // Steps come into being in their queues, as far as they may run.
            if step.new.is_none() {
                self.facts.push(Fact::StepEnqueued { step: step.row.id.idx });
            }
            routes.push(Route { queue: step.row.queue.clone(), handler: step.row.handler.clone() });
        }
        routes
    }

    /// The earliest time at which a step that was put off here, or the task, is due.
    pub(in crate::state) fn next_due(&self) -> Option<Timestamp> {
        let put_off = self.steps.iter().filter(|step| {
            step.is_touched && matches!(step.row.state, StepState::WaitingForRetry | StepState::Waiting)
        });
        let deadline = self.task.deadline_at.filter(|_| self.is_touched);
        put_off.filter_map(|step| step.row.due_at).chain(deadline).min()
    }

    /// The steps that have to be seen, if some are missing from the snapshot.
    pub(in crate::state) fn lacking(&self) -> Option<Scope> {
        let steps: Vec<u32> = self.lacking.iter().copied().collect();
        (!steps.is_empty()).then(|| Scope::of(self.task.task_id, steps))
    }

    /// Where the task stands in a flow from now on; none if it has not changed, or the task ended without anything to do before.
    pub(in crate::state) fn changed_flow(&self) -> Option<TaskFlow> {
        let before = self.task.flow.as_deref();
        let is_known = before.and_then(|flow| flow.ending.as_ref()) == self.ending.as_ref();
        let changed = || TaskFlow { ending: self.ending.clone(), ..before.cloned().unwrap_or_default() };
        (!is_known && (!self.task.state.is_final() || !self.added.is_empty())).then(changed)
    }

    /// The rows that are added to the task: one entry for each step that they are parts of.
    pub(in crate::state) fn take_parts(&mut self) -> Vec<NewParts> {
        let Some(definition) = self.definition.clone() else { return Vec::new() };
        let mut batches: Vec<NewParts> = Vec::new();
        for WorkingStep { row, new, is_touched, .. } in &mut self.steps {
            let Some(part) = new.take() else { continue };
            // What has happened to it beyond that is written by the change that follows.
            let has_begun = !matches!(row.state, StepState::Pending | StepState::Enqueued);
            *is_touched = has_begun;
            let state = if has_begun { StepState::Pending } else { row.state };
            let part = NewPart { part: *part, state, unmet: row.unmet };
            let step = StepPlace::of(row.id.idx).step;
            if let Some(batch) = batches.last_mut().filter(|batch| batch.step == step) {
                batch.parts.push(part);
            } else if let Some(of) = definition.steps.get(step as usize) {
                batches.push(NewParts {
                    task_id: row.id.task_id,
                    step,
                    name: Arc::clone(&of.name),
                    queue: Arc::clone(&of.queue),
                    handler: Arc::clone(&of.handler),
                    priority: self.task.priority,
                    parts: vec![part],
                });
            }
        }
        batches
    }

    /// The rows to write; none if nothing has happened.
    pub(in crate::state) fn into_rows(self) -> Option<(TaskChange, Vec<StepChange>, EventBatch)> {
        if !self.is_touched {
            return None;
        }
        let Self { task, steps, facts, now, .. } = self;
        let events = EventBatch { task_id: task.task_id, first_seq: task.seq + 1, at: now, facts };
        let task = TaskChange {
            task_id: task.task_id,
            template: task.template,
            state: task.state,
            counts: task.counts,
            seq: task.seq + i64::try_from(events.facts.len()).unwrap_or(i64::MAX),
            deadline_at: task.deadline_at,
            error: task.error,
            updated_at: now,
            completed_at: task.completed_at,
        };
        let steps = steps.into_iter().filter(|step| step.is_touched).map(WorkingStep::into_change).collect();
        Some((task, steps, events))
    }
}

impl WorkingStep {
    fn into_change(self) -> StepChange {
        let Self { row, result, error, ended_at, .. } = self;
        StepChange {
            id: row.id,
            state: row.state,
            attempt: row.attempt,
            failures: row.failures,
            losses: row.losses,
            unmet: row.unmet,
            due_at: row.due_at,
            worker_id: row.worker_id,
            started_at: row.started_at,
            ended_at,
            result,
            error,
            flow: row.flow,
        }
    }
}
