//! The spans of one task, from its events.

use std::{collections::HashMap, sync::Arc};

use opentelemetry_proto::tonic::{common::v1::KeyValue, trace::v1::Span};

use super::form::{Belonging, Noted, Told, number, text};
use crate::{
    dag::Definition,
    model::{Event, Fact, SpanId, StepError, StepId, StepPlace, TaskId, Timestamp, TraceId, WorkerId},
    orchestration::Origin,
};

/// A task as far as its events have been read. The same events always make the same spans, so that whoever has to begin anew
/// reads them again.
pub(super) struct TracedTask {
    task_id: TaskId,
    definition: Arc<Definition>,
    belonging: Belonging,
    is_sampled: bool,
    /// The span that the task belongs to, and whether it is one of another process.
    above: Option<(SpanId, bool)>,
    /// What every span says.
    attributes: Vec<KeyValue>,
    /// Up to which event it is known, and the time of the latest.
    seq: i64,
    at: Timestamp,
    /// The first span, under which the task goes on after it had ended.
    first: Option<SpanId>,
    turn: Option<Turn>,
    steps: HashMap<u32, StepTurn>,
}

/// A span that has not ended.
struct Turn {
    id: SpanId,
    began: Timestamp,
    noted: Noted,
}

struct StepTurn {
    turn: Turn,
    attempt: Option<Attempt>,
}

struct Attempt {
    id: SpanId,
    number: u32,
    began: Timestamp,
    by: By,
}

/// What an attempt is made by.
enum By {
    Worker(WorkerId),
    Child(TaskId),
}

impl TracedTask {
    pub(super) fn new(origin: Origin, definition: Arc<Definition>) -> Self {
        let Origin { task_id, correlation_id, parent, trace } = origin;
        let submitted = trace.as_ref().and_then(|trace| trace.ids());
        let root = parent.as_ref().map_or(task_id, |parent| parent.root);
        let (trace_id, flags) = submitted.map_or((TraceId::of_root(root), 1), |(trace_id, _, flags)| (trace_id, flags));
        let above = match parent {
            Some(_) => Some((SpanId::above(task_id), false)),
            None => submitted.map(|(_, span, _)| (span, true)),
        };
        let mut attributes = vec![
            text("tasker.namespace", &definition.namespace),
            text("tasker.template", &definition.name),
            text("tasker.version", &definition.version),
            text("tasker.task.id", &task_id.to_string()),
        ];
        attributes.extend(correlation_id.map(|id| text("tasker.correlation_id", &id)));
        let state = trace.as_ref().and_then(|trace| trace.tracestate.as_deref()).unwrap_or_default().to_owned();
        Self {
            task_id,
            definition,
            belonging: Belonging { trace_id, flags, state },
            is_sampled: trace.is_none_or(|trace| trace.is_sampled()),
            above,
            attributes,
            seq: 0,
            at: Timestamp::from_micros(0),
            first: None,
            turn: None,
            steps: HashMap::new(),
        }
    }

    /// Up to which event it is known.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    /// Whether nothing is under way: all that is to be told has been.
    pub(super) fn is_through(&self) -> bool {
        self.turn.is_none() && self.steps.is_empty()
    }

    /// How many spans have not ended.
    pub(super) fn open(&self) -> usize {
        1 + self.steps.len()
    }

    /// Takes the next event; the spans that end with it are added to `ended`.
    pub(super) fn take(&mut self, event: &Event, ended: &mut Vec<Span>) {
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        // Clocks of the database's machines may differ: no span ends before it began.
        self.at = self.at.max(event.at);
        match event.fact.step() {
            Some(step) => self.take_of_step(step, &event.fact, ended),
            None => self.take_of_task(&event.fact, ended),
        }
    }

    fn take_of_task(&mut self, fact: &Fact, ended: &mut Vec<Span>) {
        match fact {
            Fact::TaskCreated => self.begin(),
            Fact::TaskCompleted => self.end("complete", None, ended),
            Fact::TaskFailed { error } => self.end("error", Some(error), ended),
            Fact::TaskCancelled { .. } => self.end("cancelled", None, ended),
            Fact::TaskResolved { .. } => self.end("resolved_manually", None, ended),
            Fact::TaskReopened { .. } => {
                self.begin();
                self.note(fact, Vec::new());
            }
            Fact::TaskPaused { .. } => self.note(fact, Vec::new()),
            Fact::TaskResumed { .. } => self.note(fact, Vec::new()),
            Fact::TaskEnding { status, .. } => self.note(fact, vec![text("tasker.task.state", status.as_str())]),
            Fact::TaskPrioritized { priority, .. } => {
                self.note(fact, vec![number("tasker.task.priority", *priority)]);
            }
            Fact::TaskRerun { task, .. } => self.note(fact, vec![text("tasker.task.rerun", &task.to_string())]),
            _ => {}
        }
    }

    fn take_of_step(&mut self, step: u32, fact: &Fact, ended: &mut Vec<Span>) {
        match fact {
            Fact::StepEnqueued { .. }
            | Fact::StepHeld { .. }
            | Fact::StepWaiting { .. }
            | Fact::StepSplit { .. }
            | Fact::StepReset { .. } => drop(self.opened(step)),
            Fact::StepStarted { attempt, worker, .. } => {
                let id = SpanId::of_attempt(StepId::new(self.task_id, step), *attempt);
                self.begin_attempt(step, id, *attempt, By::Worker(*worker));
            }
            Fact::StepChildStarted { attempt, child, .. } => {
                self.begin_attempt(step, SpanId::above(*child), *attempt, By::Child(*child));
            }
            Fact::StepCompleted { .. } => self.end_step(step, ("completed", "complete"), None, ended),
            Fact::StepFailed { error, .. } => self.end_step(step, ("failed", "error"), Some(error), ended),
            Fact::StepRetryScheduled { error, .. } => self.end_attempt(step, "failed", Some(error), ended),
            Fact::StepLost { .. } => {
                let error = StepError::retryable("worker_lost", "the worker went silent, or gave the attempt up");
                self.end_attempt(step, "lost", Some(&error), ended);
            }
            // Its handler never began.
            Fact::StepReleased { .. } => {
                self.steps.get_mut(&step).and_then(|step| step.attempt.take());
            }
            Fact::StepCancelled { .. } => self.end_step(step, ("cancelled", "cancelled"), None, ended),
            Fact::StepSkipped { error, .. } => self.end_step(step, ("failed", "skipped"), error.as_ref(), ended),
            Fact::StepResolved { .. } => self.end_step(step, ("cancelled", "resolved_manually"), None, ended),
            Fact::StepCompletedManually { .. } => self.end_step(step, ("cancelled", "complete"), None, ended),
            Fact::TaskBlocked { .. } => self.note(fact, self.name_of(step)),
            Fact::SignalReceived { signal, .. } => {
                let named = text("tasker.signal", signal);
                self.note_of_step(step, fact, named);
            }
            Fact::EventPublished { name, .. } => self.note_of_step(step, fact, text("tasker.event", name)),
            _ => {}
        }
    }

    fn begin(&mut self) {
        if self.turn.is_none() {
            let turn = Turn { id: SpanId::of_task(self.task_id, self.seq), began: self.at, noted: Noted::default() };
            self.first.get_or_insert(turn.id);
            self.turn = Some(turn);
        }
    }

    fn end(&mut self, state: &str, error: Option<&StepError>, ended: &mut Vec<Span>) {
        let steps: Vec<_> = self.steps.keys().copied().collect();
        for step in steps {
            self.end_step(step, ("cancelled", "cancelled"), None, ended);
        }
        let Some(Turn { id, began, noted }) = self.turn.take() else { return };
        let (parent, is_remote) = match self.first {
            Some(first) if first != id => (Some(first), false),
            _ => (self.above.map(|(span, _)| span), self.above.is_some_and(|(_, is_remote)| is_remote)),
        };
        let attributes = vec![text("tasker.task.state", state)];
        let told = Told { name: self.definition.name.to_string(), attributes, noted, error, is_remote };
        self.tell((id, parent), began, told, ended);
    }

    fn opened(&mut self, step: u32) -> &mut StepTurn {
        let id = SpanId::of_step(StepId::new(self.task_id, step), self.seq);
        let turn = || Turn { id, began: self.at, noted: Noted::default() };
        self.steps.entry(step).or_insert_with(|| StepTurn { turn: turn(), attempt: None })
    }

    fn begin_attempt(&mut self, step: u32, id: SpanId, number: u32, by: By) {
        let began = self.at;
        self.opened(step).attempt = Some(Attempt { id, number, began, by });
    }

    fn end_attempt(&mut self, step: u32, outcome: &str, error: Option<&StepError>, ended: &mut Vec<Span>) {
        let Some(turn) = self.steps.get_mut(&step) else { return };
        let (parent, Some(Attempt { id, number: attempt, began, by })) = (turn.turn.id, turn.attempt.take()) else {
            return;
        };
        let mut attributes = self.name_of(step);
        attributes.push(number("tasker.attempt", attempt));
        attributes.push(text("tasker.attempt.outcome", outcome));
        match by {
            By::Worker(worker) => {
                let handler = self.definition.handlers.get(StepPlace::of(step).step as usize);
                attributes.extend(handler.map(|handler| text("tasker.handler", &handler.callable)));
                attributes.push(text("tasker.worker.id", &worker.to_string()));
            }
            By::Child(child) => attributes.push(text("tasker.child.id", &child.to_string())),
        }
        let name = format!("{} attempt", self.short_name(step));
        let told = Told { name, attributes, error, ..Told::default() };
        self.tell((id, Some(parent)), began, told, ended);
    }

    fn end_step(
        &mut self,
        step: u32,
        (outcome, state): (&str, &str),
        error: Option<&StepError>,
        ended: &mut Vec<Span>,
    ) {
        self.end_attempt(step, outcome, error, ended);
        let Some(StepTurn { turn: Turn { id, began, noted }, .. }) = self.steps.remove(&step) else { return };
        let place = StepPlace::of(step);
        let whole = place.part.and_then(|_| self.steps.get(&place.step));
        let parent = whole.map(|whole| whole.turn.id).or(self.turn.as_ref().map(|turn| turn.id)).or(self.first);
        let mut attributes = self.name_of(step);
        attributes.push(text("tasker.step.state", state));
        let told = Told { name: self.short_name(step), attributes, noted, error, is_remote: false };
        self.tell((id, parent), began, told, ended);
    }

    fn tell(&self, ids: (SpanId, Option<SpanId>), began: Timestamp, mut told: Told<'_>, ended: &mut Vec<Span>) {
        if self.is_sampled {
            told.attributes.splice(..0, self.attributes.iter().cloned());
            ended.push(self.belonging.span(ids, (began, self.at), told));
        }
    }

    fn note(&mut self, fact: &Fact, attributes: Vec<KeyValue>) {
        let attributes = with_actor(fact, attributes);
        if let Some(turn) = &mut self.turn {
            turn.noted.add(self.at, kind(fact), attributes);
        }
    }

    fn note_of_step(&mut self, step: u32, fact: &Fact, attribute: KeyValue) {
        match self.steps.get_mut(&step) {
            Some(step) => step.turn.noted.add(self.at, kind(fact), vec![attribute]),
            None => {
                let mut attributes = self.name_of(step);
                attributes.push(attribute);
                self.note(fact, attributes);
            }
        }
    }

    /// The name of the template's step: one for all parts of a batch.
    fn short_name(&self, step: u32) -> String {
        self.definition.step_name(StepPlace::of(step).step).unwrap_or_else(|| step.to_string())
    }

    fn name_of(&self, step: u32) -> Vec<KeyValue> {
        let name = self.definition.step_name(step).unwrap_or_default();
        let id = StepId::new(self.task_id, step).uuid();
        vec![text("tasker.step.name", &name), text("tasker.step.id", &id.to_string())]
    }
}

fn with_actor(fact: &Fact, mut attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    let Some(actor) = fact.actor() else { return attributes };
    attributes.extend(actor.by.as_deref().map(|by| text("tasker.by", by)));
    attributes.extend(actor.reason.as_deref().map(|reason| text("tasker.reason", reason)));
    attributes
}

/// The name of what is noted, as the log has it.
fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::TaskReopened { .. } => "task.reopened",
        Fact::TaskPaused { .. } => "task.paused",
        Fact::TaskResumed { .. } => "task.resumed",
        Fact::TaskEnding { .. } => "task.ending",
        Fact::TaskPrioritized { .. } => "task.prioritized",
        Fact::TaskRerun { .. } => "task.rerun",
        Fact::TaskBlocked { .. } => "task.blocked",
        Fact::SignalReceived { .. } => "signal.received",
        _ => "event.published",
    }
}
