use std::{collections::HashMap, sync::Arc};

use super::{Claim, Claimed, Route, StepCause, StepChange, StepSnapshot, TaskCause, TaskChange, TaskSnapshot, Verb};
use super::{
    NewStep, Snapshot, Values, Wanted,
    flow::{Chosen, Spawn},
    step_transition, task_transition,
};
use crate::{
    dag::Definition,
    model::{Ending, EventBatch, Fact, Json, SkipReason, StepError, StepState, TaskFlow, TaskId, TaskState, Timestamp},
    template::OnExhaustion,
};

/// One task while it is being decided on: its rows as they become, and the facts so far.
pub(super) struct Working {
    pub(super) task: TaskSnapshot,
    steps: Vec<WorkingStep>,
    facts: Vec<Fact>,
    now: Timestamp,
    is_touched: bool,
    /// The template of the task; none before something happens to it.
    pub(super) definition: Option<Arc<Definition>>,
    /// Input and results, as far as they were read.
    pub(super) values: Option<Values>,
    /// What has to be read before this can be decided.
    pub(super) wanted: Option<Wanted>,
    /// Sub-workflows that steps start.
    pub(super) spawns: Vec<Spawn>,
    /// What other tasks are to do that run for steps of this one.
    pub(super) to_children: Vec<(TaskId, Verb)>,
    /// The step that waits for the end of this task was told of it.
    pub(super) has_told: bool,
    /// Steps that have to be seen are missing from the snapshot.
    pub(super) is_short: bool,
    /// How the task ends, once that is known.
    pub(super) ending: Option<Arc<Ending>>,
    /// That has been said in this decision.
    pub(super) has_announced: bool,
    /// Steps that this decision adds to the task.
    pub(super) added: Vec<NewStep>,
}

struct WorkingStep {
    row: StepSnapshot,
    result: Option<Json>,
    error: Option<StepError>,
    ended_at: Option<Timestamp>,
    is_touched: bool,
    /// Became claimable in this decision, which nobody has been told yet.
    is_fresh: bool,
}

impl Working {
    pub(super) fn new(task: &TaskSnapshot, snapshot: &Snapshot) -> Self {
        let steps = task.steps.iter().map(|row| WorkingStep {
            row: row.clone(),
            result: None,
            error: None,
            ended_at: None,
            is_touched: false,
            is_fresh: false,
        });
        Self {
            steps: steps.collect(),
            task: TaskSnapshot { steps: Vec::new(), ..task.clone() },
            facts: Vec::new(),
            now: snapshot.now,
            is_touched: false,
            definition: None,
            values: snapshot.values.get(&task.task_id).cloned(),
            wanted: None,
            spawns: Vec::new(),
            to_children: Vec::new(),
            has_told: false,
            is_short: false,
            ending: task.flow.as_ref().and_then(|flow| flow.ending.clone()),
            has_announced: false,
            added: Vec::new(),
        }
    }

    pub(super) fn step(&self, idx: u32) -> Option<&StepSnapshot> {
        self.at(idx).map(|at| &self.steps[at].row)
    }

    /// Records the result of the running attempt and releases the steps that waited for it, as far as they were chosen.
    /// False if a dependent step is missing from the snapshot.
    pub(super) fn complete(&mut self, idx: u32, result: Json, chosen: &Chosen) -> bool {
        let Some(at) = self.record(idx, result) else { return true };
        let dependents = self.steps[at].row.dependents.clone();
        let mut saw_enough = true;
        for dependent in dependents.iter() {
            if self.is_chosen(*dependent, chosen) {
                saw_enough &= self.satisfy(*dependent);
            } else {
                self.skip(*dependent, SkipReason::Decision);
            }
        }
        saw_enough
    }

    /// Records the result of the running attempt; what waits for it is not told.
    pub(super) fn record(&mut self, idx: u32, result: Json) -> Option<usize> {
        let at = self.end_attempt(idx, StepCause::Succeed)?;
        self.steps[at].result = Some(result);
        self.task.counts.done += 1;
        self.facts.push(Fact::StepCompleted { step: idx, attempt: self.steps[at].row.attempt });
        Some(at)
    }

    /// Completes a step that has not begun with a result from elsewhere; what waits for it is not told.
    pub(super) fn put_result(&mut self, idx: u32, result: Option<Json>) -> bool {
        let Some(at) = self.move_step(idx, StepCause::TakeOver) else { return false };
        self.steps[at].result = Some(result.unwrap_or_else(Json::null));
        true
    }

    /// Lets the running attempt's step run again after a delay.
    pub(super) fn retry(&mut self, idx: u32, error: StepError, due_at: Timestamp) {
        let Some(at) = self.end_attempt(idx, StepCause::Retry) else { return };
        let step = &mut self.steps[at];
        step.row.failures += 1;
        step.row.due_at = Some(due_at);
        step.error = Some(error.clone());
        self.facts.push(Fact::StepRetryScheduled { step: idx, attempt: self.steps[at].row.attempt, error, due_at });
    }

    /// Fails the running attempt's step for good, and cancels what can no longer run.
    /// False if that needs steps that are missing from the snapshot.
    pub(super) fn fail(&mut self, idx: u32, error: StepError, is_lost: bool) -> bool {
        match self.on_exhaustion(idx) {
            OnExhaustion::Fail => return self.fail_task(idx, error, is_lost),
            OnExhaustion::Skip => self.skip_failed(idx, error, is_lost, false),
            OnExhaustion::SkipCascade => self.skip_failed(idx, error, is_lost, true),
            OnExhaustion::Block => self.block(idx, error, is_lost),
        }
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

    /// Puts the running attempt's step back into its queue.
    pub(super) fn give_back(&mut self, idx: u32, is_lost: bool) {
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

    /// Ends the task before its steps are through: all that is not final is cancelled.
    pub(super) fn stop(&mut self, cause: TaskCause, fact: Fact) {
        let open: Vec<_> =
            self.steps.iter().filter(|step| !step.row.state.is_final()).map(|step| step.row.id.idx).collect();
        for idx in open {
            self.cancel_step(idx);
        }
        self.end(cause, fact);
    }

    /// Ends the task if its last step has ended. True if something has to be done before that, which was added.
    pub(super) fn end_if_done(&mut self) -> bool {
        let is_open = self.task.counts.done < self.task.counts.total || self.task.state == TaskState::BlockedByFailures;
        if !self.is_touched || self.task.state.is_final() || is_open {
            return false;
        }
        self.end_or_add()
    }

    /// The steps that may be handed out.
    pub(super) fn claimable(&self) -> impl Iterator<Item = &StepSnapshot> {
        let steps = if self.task.state.is_runnable() { self.steps.as_slice() } else { &[] };
        steps.iter().map(|step| &step.row).filter(|row| row.state == StepState::Enqueued)
    }

    /// Hands a step to a worker.
    pub(super) fn hand_out(&mut self, idx: u32, claim: &Claim) -> Option<Claimed> {
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

    /// The first step of the task begins.
    pub(super) fn start_task(&mut self) {
        if let Some(state) = task_transition(self.task.state, TaskCause::Start) {
            self.task.state = state;
            self.say(Fact::TaskStarted);
        }
    }

    /// Tells of the steps that became claimable and were not handed out. Those of a paused task wait for it to go on, out
    /// of the queue, so that claims need not pass over them.
    pub(super) fn announce_fresh(&mut self) -> Vec<Route> {
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
            self.facts.push(Fact::StepEnqueued { step: step.row.id.idx });
            routes.push(Route { queue: step.row.queue.clone(), handler: step.row.handler.clone() });
        }
        routes
    }

    /// The earliest time at which a step that was put off here, or the task, is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let put_off = self.steps.iter().filter(|step| {
            step.is_touched && matches!(step.row.state, StepState::WaitingForRetry | StepState::Waiting)
        });
        let deadline = self.task.deadline_at.filter(|_| self.is_touched);
        put_off.filter_map(|step| step.row.due_at).chain(deadline).min()
    }

    /// The rows to write; none if nothing has happened.
    pub(super) fn into_rows(self) -> Option<(TaskChange, Vec<StepChange>, EventBatch)> {
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

    /// Adds a row at its place.
    pub(super) fn place_row(&mut self, row: StepSnapshot) {
        let at = self.steps.partition_point(|step| step.row.id.idx < row.id.idx);
        let (result, error, ended_at) = (None, None, None);
        self.steps.insert(at, WorkingStep { row, result, error, ended_at, is_touched: true, is_fresh: false });
    }

    /// Where the task stands in a flow from now on; none if that has not changed, or if the task has ended.
    pub(super) fn changed_flow(&self) -> Option<TaskFlow> {
        let before = self.task.flow.as_deref();
        let is_known = before.and_then(|flow| flow.ending.as_ref()) == self.ending.as_ref();
        let changed = || TaskFlow { ending: self.ending.clone(), ..before.cloned().unwrap_or_default() };
        (!is_known && !self.task.state.is_final()).then(changed)
    }

    fn at(&self, idx: u32) -> Option<usize> {
        self.steps.binary_search_by_key(&idx, |step| step.row.id.idx).ok()
    }

    pub(super) fn move_step(&mut self, idx: u32, cause: StepCause) -> Option<usize> {
        let at = self.at(idx)?;
        let step = &mut self.steps[at];
        step.row.state = step_transition(step.row.state, cause)?;
        step.is_touched = true;
        self.is_touched = true;
        step.ended_at = step.row.state.is_final().then_some(self.now);
        if step.row.state.is_final() {
            step.row.due_at = None;
        }
        Some(at)
    }

    fn end_attempt(&mut self, idx: u32, cause: StepCause) -> Option<usize> {
        let was_running = self.step(idx).is_some_and(|step| step.state == StepState::InProgress);
        let at = self.move_step(idx, cause)?;
        self.task.counts.active -= u32::from(was_running).min(self.task.counts.active);
        self.steps[at].row.due_at = None;
        Some(at)
    }

    /// A dependency of the step is done.
    pub(super) fn satisfy(&mut self, idx: u32) -> bool {
        self.reach(idx);
        self.count_down(idx)
    }

    /// One dependency less for the step to wait for. False if it is missing from the snapshot.
    pub(super) fn count_down(&mut self, idx: u32) -> bool {
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

    /// Ends a step that failed, by the cause that its rules give it. False if that cannot be.
    pub(super) fn end_failed(&mut self, idx: u32, cause: StepCause, error: &StepError, is_lost: bool) -> bool {
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

    fn is_chosen(&self, idx: u32, chosen: &Chosen) -> bool {
        match chosen {
            Chosen::All => true,
            Chosen::These(steps) => {
                steps.contains(&idx) || self.rules(idx).is_some_and(crate::dag::Rules::is_convergence)
            }
        }
    }

    /// The result that a step was given in this decision.
    pub(super) fn fresh_result(&self, idx: u32) -> Option<&Json> {
        self.steps[self.at(idx)?].result.as_ref()
    }

    /// The row of a step that is about to change.
    pub(super) fn touch(&mut self, idx: u32) -> Option<&mut StepSnapshot> {
        let at = self.at(idx)?;
        self.is_touched = true;
        self.steps[at].is_touched = true;
        Some(&mut self.steps[at].row)
    }

    pub(super) fn cancel_step(&mut self, idx: u32) -> bool {
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

    pub(super) fn end(&mut self, cause: TaskCause, fact: Fact) {
        if let Some(state) = task_transition(self.task.state, cause) {
            self.task.state = state;
            self.task.deadline_at = None;
            self.task.completed_at = Some(self.now);
            self.say(fact);
        }
    }
}

/// What operators' verbs are made of.
impl Working {
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Every step at hand, ascending by index.
    pub(super) fn rows(&self) -> impl Iterator<Item = &StepSnapshot> {
        self.steps.iter().map(|step| &step.row)
    }

    pub(super) fn row_mut(&mut self, at: usize) -> &mut StepSnapshot {
        &mut self.steps[at].row
    }

    pub(super) fn steps_in(&self, state: StepState) -> Vec<u32> {
        self.rows().filter(|step| step.state == state).map(|step| step.id.idx).collect()
    }

    /// How many dependencies each step waits for, with every step at hand.
    pub(super) fn count_unmet(&self) -> HashMap<u32, u32> {
        let mut unmet = HashMap::new();
        for dependent in self.rows().filter(|step| !step.state.satisfies()).flat_map(|step| step.dependents.iter()) {
            *unmet.entry(*dependent).or_insert(0) += 1;
        }
        unmet
    }

    pub(super) fn touch_task(&mut self) {
        self.is_touched = true;
    }

    pub(super) fn say(&mut self, fact: Fact) {
        self.is_touched = true;
        self.facts.push(fact);
    }

    /// Makes a step claimable.
    pub(super) fn enqueue(&mut self, idx: u32, cause: StepCause) -> Option<&mut StepSnapshot> {
        let at = self.move_step(idx, cause)?;
        let step = &mut self.steps[at];
        step.row.due_at = None;
        step.is_fresh = true;
        Some(&mut step.row)
    }

    /// Ends a step in its handler's place; answers what waits for it.
    pub(super) fn close_by_hand(&mut self, idx: u32, cause: StepCause, result: Option<Json>) -> Option<Arc<[u32]>> {
        self.tell_child(idx, Verb::Cancel);
        let at = self.move_step(idx, cause)?;
        let step = &mut self.steps[at];
        step.result = result;
        step.row.error = None;
        Some(Arc::clone(&step.row.dependents))
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
