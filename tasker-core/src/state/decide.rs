use std::{collections::HashMap, sync::Arc};

use super::{
    Changes, Claim, Input, Refusal, Route, Scope, Snapshot, StepSnapshot, Verb, Wanted,
    flow::publications,
    input::Look,
    judge::{Judgement, judge, lose},
    working::Working,
};
use crate::{
    dag::{Definition, NewTask, TemplateKey, TemplateName},
    model::{
        Actor, DomainEvent, Ending, Fact, Lease, Outcome, StepError, StepPlace, StepState, TaskId, TaskState,
        Timestamp, Verdict,
    },
};

/// What [`decide`] answers: the changes, or what it must see first.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every answer is the large one")]
pub enum Decision {
    Done(Changes),
    /// Every step of these tasks must be in the snapshot.
    NeedsWhole(Vec<TaskId>),
    /// These steps of tasks that are locked must be in the snapshot too, with their dependents.
    NeedsSteps(Vec<Scope>),
    /// The snapshot must hold up to so many enqueued steps that the claim could take.
    NeedsCandidates(usize),
    /// These templates must be looked up by name; that cannot be done inside the transaction.
    NeedsNamed(Vec<TemplateName>),
    /// These tasks must be locked too, and locks are taken in order: begin again with them.
    NeedsTasks(Vec<Scope>),
    /// Inputs and results of these tasks must be in the snapshot.
    NeedsValues(Vec<Wanted>),
    /// The definitions of these templates must be at hand; they cannot be read inside the transaction.
    NeedsTemplates(Vec<TemplateKey>),
}

/// Where decisions find the templates of the tasks.
pub trait Definitions {
    fn get(&self, key: &TemplateKey) -> Option<Arc<Definition>>;

    /// A template by its name, or why it cannot be had; none if that has not been looked up.
    fn named(&self, _: &TemplateName) -> Option<Result<Arc<Definition>, String>> {
        None
    }
}

impl Definitions for HashMap<TemplateKey, Arc<Definition>> {
    fn get(&self, key: &TemplateKey) -> Option<Arc<Definition>> {
        self.get(key).cloned()
    }
}

/// Draws the consequences of what has happened, and hands out steps to the worker that asks.
///
/// Every way in which a task or a step can change goes through here: reports, lost workers, retries that are due, deadlines
/// and operators differ only in their [`Input`]. The same arguments give the same answer.
#[must_use]
pub fn decide(snapshot: &Snapshot, inputs: &[Input], claim: Option<&Claim>, definitions: &dyn Definitions) -> Decision {
    let mut desk = Desk::new(snapshot, definitions);
    let verdicts: Vec<_> = inputs.iter().enumerate().map(|(place, input)| desk.take(place, input)).collect();
    desk.settle();
    if !desk.needs_templates.is_empty() {
        return Decision::NeedsTemplates(desk.needs_templates);
    }
    if !desk.needs_named.is_empty() {
        return Decision::NeedsNamed(desk.needs_named);
    }
    if !desk.needs_tasks.is_empty() {
        return Decision::NeedsTasks(desk.needs_tasks);
    }
    if !desk.needs_whole.is_empty() {
        return Decision::NeedsWhole(desk.needs_whole);
    }
    let lacking: Vec<_> = desk.tasks.iter().filter_map(Working::lacking).collect();
    if !lacking.is_empty() {
        return Decision::NeedsSteps(lacking);
    }
    let wanted: Vec<_> = desk.tasks.iter().filter_map(|working| working.wanted.clone()).collect();
    if !wanted.is_empty() {
        return Decision::NeedsValues(wanted);
    }
    let spawned = std::mem::take(&mut desk.spawned);
    let mut changes = Changes { verdicts, spawned, refusals: std::mem::take(&mut desk.refusals), ..Changes::default() };
    if let Some(claim) = claim {
        if let Some(want) = desk.candidates_wanted(claim) {
            return Decision::NeedsCandidates(want);
        }
        desk.hand_out(claim, &mut changes);
    }
    desk.finish(changes)
}

pub(super) struct Desk<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) definitions: &'a dyn Definitions,
    pub(super) tasks: Vec<Working>,
    pub(super) by_id: HashMap<TaskId, usize>,
    needs_whole: Vec<TaskId>,
    needs_templates: Vec<TemplateKey>,
    pub(super) needs_named: Vec<TemplateName>,
    pub(super) needs_tasks: Vec<Scope>,
    pub(super) spawned: Vec<NewTask>,
    refusals: Vec<(usize, Refusal)>,
}

impl<'a> Desk<'a> {
    fn new(snapshot: &'a Snapshot, definitions: &'a dyn Definitions) -> Self {
        Self {
            snapshot,
            definitions,
            tasks: snapshot.tasks.iter().map(|task| Working::new(task, snapshot)).collect(),
            by_id: snapshot.tasks.iter().enumerate().map(|(at, task)| (task.task_id, at)).collect(),
            needs_whole: Vec::new(),
            needs_templates: Vec::new(),
            needs_named: Vec::new(),
            needs_tasks: Vec::new(),
            spawned: Vec::new(),
            refusals: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.snapshot.now
    }

    fn take(&mut self, place: usize, input: &Input) -> Verdict {
        let at = self.by_id.get(&input.task_id()).copied();
        if let Input::Operate { verb, actor, .. } = input {
            let done = at.map_or(Err(Refusal::NoSuchTask), |at| self.operate(at, verb, actor));
            return done.map_or_else(|refusal| self.refuse(place, refusal), |()| Verdict::Accepted);
        }
        let Some(at) = at else { return Verdict::StaleLease };
        let task = &self.tasks[at].task;
        if task.state.is_final() {
            return Verdict::TaskCancelled;
        }
        if !self.know(at) {
            return Verdict::Accepted;
        }
        let task = &self.tasks[at].task;
        match input {
            Input::Report { lease, outcome } => {
                let verdict = self.report(at, *lease, outcome);
                if self.tasks[at].is_short {
                    self.need_whole(at);
                }
                return verdict;
            }
            Input::StepDue { idx, .. } => self.step_due(at, *idx),
            Input::DeadlinePassed { .. } if task.deadline_at.is_some_and(|deadline| deadline <= self.now()) => {
                let error =
                    StepError::permanent("deadline_exceeded", "the task did not end within max_duration_minutes");
                self.begin_ending(at, Ending::failed(Some(error)));
            }
            Input::DeadlinePassed { .. } | Input::Operate { .. } => {}
            Input::Signal { name, payload, by, .. } => {
                if self.tasks[at].task.is_whole {
                    self.tasks[at].signal(name, payload, by.as_deref());
                } else {
                    self.need_whole(at);
                }
            }
        }
        if self.tasks[at].is_short {
            self.need_whole(at);
        }
        Verdict::Accepted
    }

    /// Looks up the definition of a task; false if it is not at hand, which is then asked for.
    pub(super) fn know(&mut self, at: usize) -> bool {
        let working = &mut self.tasks[at];
        if working.definition.is_some() {
            return true;
        }
        let key = &working.task.template;
        working.definition = self.definitions.get(key);
        if working.definition.is_none() && !self.needs_templates.contains(key) {
            self.needs_templates.push(key.clone());
        }
        working.definition.is_some()
    }

    fn operate(&mut self, at: usize, verb: &Verb, actor: &Actor) -> Result<(), Refusal> {
        if verb.needs_whole() && !self.tasks[at].task.is_whole {
            self.need_whole(at);
            return Ok(());
        }
        if !self.know(at) {
            return Ok(());
        }
        let definition = self.tasks[at].definition.as_ref();
        let lifetime = definition.and_then(|definition| definition.template.lifecycle.max_duration());
        let Verb::RerunFrom(takeover) = verb else { return self.tasks[at].operate(verb, actor, lifetime) };
        let taken = self.tasks[at].taken(takeover)?;
        self.tasks[at].operate(verb, actor, lifetime)?;
        self.take_over(at, takeover, &taken);
        Ok(())
    }

    fn refuse(&mut self, place: usize, refusal: Refusal) -> Verdict {
        let is_ended = matches!(refusal, Refusal::TaskState(state) if state.is_final());
        self.refusals.push((place, refusal));
        if is_ended { Verdict::TaskCancelled } else { Verdict::StaleLease }
    }

    fn report(&mut self, at: usize, lease: Lease, outcome: &Outcome) -> Verdict {
        let is_held = |step: &&StepSnapshot| step.state == StepState::InProgress && step.attempt == lease.attempt;
        if self.tasks[at].step(lease.step_idx).filter(is_held).is_none() {
            return Verdict::StaleLease;
        }
        let Some(definition) = self.tasks[at].definition.clone() else { return Verdict::Accepted };
        self.conclude(at, lease.step_idx, outcome, &definition);
        Verdict::Accepted
    }

    /// Draws the consequences of how a step's attempt ended.
    pub(super) fn conclude(&mut self, at: usize, step_idx: u32, outcome: &Outcome, definition: &Definition) {
        let task = &self.tasks[at];
        let Some(step) = task.step(step_idx) else { return };
        let attempt = step.attempt;
        let mut judgement = judge(step, outcome, definition, task.parts_max(definition));
        if let Judgement::Complete { result, .. } = &judgement
            && let Err(error) = task.has_room(step_idx, result)
        {
            judgement = Judgement::Error(error);
        }
        let rules = definition.rules(StepPlace::of(step_idx).step);
        let events = publications(&step.name, rules, outcome, &judgement).unwrap_or_else(|error| {
            judgement = Judgement::Error(error);
            publications(&step.name, rules, outcome, &judgement).unwrap_or_default()
        });
        for DomainEvent { name, payload } in events {
            let payload = payload.to_value();
            self.tasks[at].say(Fact::EventPublished { step: step_idx, attempt, name, payload });
        }
        let is_complete = matches!(judgement, Judgement::Complete { .. });
        self.apply(at, step_idx, judgement, *outcome == Outcome::Abandoned);
        if let Outcome::Succeeded { metadata: Some(metadata), .. } = outcome
            && is_complete
        {
            self.tasks[at].keep_metadata(step_idx, metadata);
        }
    }

    fn step_due(&mut self, at: usize, idx: u32) {
        let now = self.now();
        let Some(step) = self.tasks[at].step(idx) else { return };
        if step.due_at.is_none_or(|due_at| due_at > now) {
            return;
        }
        match step.state {
            StepState::InProgress => {
                let judgement = lose(step);
                self.apply(at, idx, judgement, true);
            }
            StepState::WaitingForRetry => self.tasks[at].again(idx),
            StepState::Waiting => self.tasks[at].wait_over(idx),
            _ => {}
        }
    }

    fn apply(&mut self, at: usize, idx: u32, judgement: Judgement, is_lost: bool) {
        let now = self.now();
        let task = &mut self.tasks[at];
        if !task.sees_head(idx) {
            return;
        }
        if task.is_ending() && task.is_own(idx) {
            return task.end_last_attempt(idx, judgement);
        }
        let saw_enough = match judgement {
            Judgement::Complete { result, chosen } => task.complete(idx, result, &chosen),
            Judgement::Error(error) => task.fail(idx, error, is_lost),
            Judgement::Retry { error, delay } => {
                task.retry(idx, error, now + delay);
                true
            }
            Judgement::Return { is_lost } => {
                task.give_back(idx, is_lost);
                true
            }
        };
        if !saw_enough {
            self.need_whole(at);
        }
    }

    fn begin_ending(&mut self, at: usize, ending: Ending) {
        if self.tasks[at].task.is_whole {
            self.tasks[at].begin_ending(ending);
        } else {
            self.need_whole(at);
        }
    }

    pub(super) fn need_whole(&mut self, at: usize) {
        let task_id = self.tasks[at].task.task_id;
        if !self.needs_whole.contains(&task_id) {
            self.needs_whole.push(task_id);
        }
    }

    /// How many steps the queues should be asked for; none if they need not be.
    fn candidates_wanted(&self, claim: &Claim) -> Option<usize> {
        if self.snapshot.candidates_loaded || claim.want == 0 {
            return None;
        }
        let at_hand = self.claimable(claim).count();
        match claim.look {
            Look::Nowhere => None,
            Look::IfShort => (at_hand < claim.want).then(|| claim.want - at_hand),
            Look::Always => Some(claim.want),
        }
    }

    /// Every step in the snapshot that the claim may take: its rank (urgent first, then older tasks), and where it is.
    fn claimable(&self, claim: &Claim) -> impl Iterator<Item = ((i32, TaskId, u32), usize)> {
        self.tasks.iter().enumerate().flat_map(move |(at, working)| {
            let urgency = -i32::from(working.task.priority);
            let served = working.claimable().filter(|step| {
                claim.routes.contains(&Route { queue: step.queue.clone(), handler: step.handler.clone() })
            });
            served.map(move |step| ((urgency, step.id.task_id, step.id.idx), at))
        })
    }

    fn hand_out(&mut self, claim: &Claim, changes: &mut Changes) {
        let mut ranked: Vec<_> = self.claimable(claim).collect();
        ranked.sort_unstable();
        for ((_, _, idx), at) in ranked.into_iter().take(claim.want) {
            changes.claimed.extend(self.tasks[at].hand_out(idx, claim));
        }
    }

    fn finish(self, mut changes: Changes) -> Decision {
        for (at, mut working) in self.tasks.into_iter().enumerate() {
            let before = self.snapshot.tasks.get(at);
            let task_id = working.task.task_id;
            changes.enqueued.extend(working.announce_fresh());
            changes.next_due = changes.next_due.into_iter().chain(working.next_due()).min();
            if before.is_some_and(|before| before.priority != working.task.priority) {
                changes.priorities.push((task_id, working.task.priority));
            }
            changes.parts.extend(working.take_parts());
            if !working.task.state.is_final() {
                working.announce_ending();
            }
            changes.flows.extend(working.changed_flow().map(|flow| (task_id, flow)));
            changes.added.append(&mut working.added);
            if working.is_revoked {
                changes.revoked.insert(task_id);
            }
            let Some((task, steps, events)) = working.into_rows() else { continue };
            if task.state.is_final() && before.is_none_or(|before| before.state != task.state) {
                changes.ended.push((task.task_id, task.state));
            }
            changes.tasks.push(task);
            changes.steps.extend(steps);
            changes.events.push(events);
        }
        debug_assert!(changes.tasks.iter().all(|task| task.state != TaskState::Complete || task.counts.active == 0));
        Decision::Done(changes)
    }
}
