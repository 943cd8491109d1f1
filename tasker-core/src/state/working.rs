use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{Claim, Claimed, Route, StepCause, StepChange, StepSnapshot, TaskCause, TaskChange, TaskSnapshot, Verb};
use super::{
    NewPart, NewParts, NewStep, Scope, Snapshot, Values, Wanted,
    flow::{Chosen, Spawn, is_fed},
    step_transition, task_transition,
};
use crate::{
    dag::Definition,
    model::{
        BatchFlow, BatchPart, Ending, EventBatch, Fact, Json, SkipReason, StepError, StepPlace, StepState, TaskFlow,
        TaskId, TaskState, Timestamp,
    },
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
    /// The same, where it is known which ones.
    pub(super) lacking: BTreeSet<u32>,
    /// By the step that parts belong to: how far they have come, where that has changed.
    pub(super) batches: BTreeMap<u32, BatchFlow>,
    /// Steps whose open parts are to be cancelled, because one of them failed.
    pub(super) felled: BTreeSet<u32>,
    /// How the task ends, once that is known.
    pub(super) ending: Option<Arc<Ending>>,
    /// That has been said in this decision.
    pub(super) has_announced: bool,
    /// Steps that this decision adds to the task.
    pub(super) added: Vec<NewStep>,
    /// An attempt under way was taken from its worker.
    pub(super) is_revoked: bool,
}

struct WorkingStep {
    row: StepSnapshot,
    result: Option<Json>,
    error: Option<StepError>,
    ended_at: Option<Timestamp>,
    is_touched: bool,
    /// Became claimable in this decision, which nobody has been told yet.
    is_fresh: bool,
    /// Of a row that this decision adds to the task: what it is to do.
    new: Option<Box<BatchPart>>,
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
            new: None,
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
            lacking: BTreeSet::new(),
            batches: BTreeMap::new(),
            felled: BTreeSet::new(),
            ending: task.flow.as_ref().and_then(|flow| flow.ending.clone()),
            has_announced: false,
            added: Vec::new(),
            is_revoked: false,
        }
    }

    pub(super) fn step(&self, idx: u32) -> Option<&StepSnapshot> {
        self.at(idx).map(|at| &self.steps[at].row)
    }

    /// Records the result of the running attempt and releases the steps that waited for it, as far as they were chosen.
    /// False if a dependent step is missing from the snapshot.
    pub(super) fn complete(&mut self, idx: u32, result: Json, chosen: &Chosen) -> bool {
        let Some(_) = self.record(idx, result) else { return true };
        if let Chosen::Parts(split) = chosen {
            self.split(split);
        }
        self.satisfy_dependents(idx, chosen)
    }

    /// Releases what waited for a step that is done, as far as it was chosen. False if some of it is missing from the
    /// snapshot. A part has been counted by the step that it belongs to.
    pub(super) fn satisfy_dependents(&mut self, idx: u32, chosen: &Chosen) -> bool {
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
                self.skip(*dependent, SkipReason::Decision);
            }
        }
        saw_enough
    }

    /// Records the result of the running attempt; what waits for it is not told.
    pub(super) fn record(&mut self, idx: u32, result: Json) -> Option<usize> {
        let at = self.end_attempt(idx, StepCause::Succeed)?;
        self.count_result(idx, &result);
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
            // Steps come into being in their queues, as far as they may run.
            if step.new.is_none() {
                self.facts.push(Fact::StepEnqueued { step: step.row.id.idx });
            }
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

    /// The rows that are added to the task: one entry for each step that they are parts of.
    pub(super) fn take_parts(&mut self) -> Vec<NewParts> {
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

    /// The steps that have to be seen, if some are missing from the snapshot.
    pub(super) fn lacking(&self) -> Option<Scope> {
        let steps: Vec<u32> = self.lacking.iter().copied().collect();
        (!steps.is_empty()).then_some(Scope { task_id: self.task.task_id, steps, whole: false })
    }

    /// Adds rows to the task, which are written with this decision.
    pub(super) fn add(&mut self, head: u32, parts: impl Iterator<Item = (StepSnapshot, BatchPart)>) {
        let at = self.steps.partition_point(|step| step.row.id.idx < StepPlace::parts_of(head).start);
        let rows = parts.map(|(row, part)| WorkingStep {
            row,
            result: None,
            error: None,
            ended_at: None,
            is_touched: false,
            is_fresh: false,
            new: Some(Box::new(part)),
        });
        drop(self.steps.splice(at..at, rows));
    }

    /// The steps at hand whose indices are in a range, ascending.
    pub(super) fn rows_in(&self, range: std::ops::Range<u32>) -> impl Iterator<Item = &StepSnapshot> {
        let from = self.steps.partition_point(|step| step.row.id.idx < range.start);
        let to = self.steps.partition_point(|step| step.row.id.idx < range.end);
        self.steps[from..to].iter().map(|step| &step.row)
    }

    /// Whether a row may be changed: a step that was done before this decision never is.
    pub(super) fn may_be_written(&self, idx: u32) -> bool {
        self.at(idx).is_some_and(|at| self.steps[at].is_touched || !self.steps[at].row.state.satisfies())
    }

    /// Adds a row at its place.
    pub(super) fn place_row(&mut self, row: StepSnapshot) {
        let at = self.steps.partition_point(|step| step.row.id.idx < row.id.idx);
        let (result, error, ended_at) = (None, None, None);
        self.steps
            .insert(at, WorkingStep { row, result, error, ended_at, is_touched: true, is_fresh: false, new: None });
    }

    /// Where the task stands in a flow from now on; none if it has not changed, or the task ended without anything to do before.
    pub(super) fn changed_flow(&self) -> Option<TaskFlow> {
        let before = self.task.flow.as_deref();
        let is_known = before.and_then(|flow| flow.ending.as_ref()) == self.ending.as_ref();
        let changed = || TaskFlow { ending: self.ending.clone(), ..before.cloned().unwrap_or_default() };
        (!is_known && (!self.task.state.is_final() || !self.added.is_empty())).then(changed)
    }

    fn at(&self, idx: u32) -> Option<usize> {
        self.steps.binary_search_by_key(&idx, |step| step.row.id.idx).ok()
    }

    pub(super) fn move_step(&mut self, idx: u32, cause: StepCause) -> Option<usize> {
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
            Chosen::Parts(split) => {
                let step = self.definition.as_ref().and_then(|definition| definition.step(idx));
                split.worker == idx || !step.is_some_and(is_fed)
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
        // The parts of a step are what it waits for once it has begun.
        let is_open = |step: &&StepSnapshot| !step.state.satisfies() && StepPlace::of(step.id.idx).part.is_none();
        for dependent in self.rows().filter(is_open).flat_map(|step| step.dependents.iter()) {
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

    /// Ends a step in its handler's place; false if that cannot be.
    pub(super) fn close_by_hand(&mut self, idx: u32, cause: StepCause, result: Option<Json>) -> bool {
        self.tell_child(idx, Verb::Cancel);
        let Some(at) = self.move_step(idx, cause) else { return false };
        result.iter().for_each(|result| self.count_result(idx, result));
        let step = &mut self.steps[at];
        step.result = result;
        step.row.error = None;
        true
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
