//! Waits: for a span, a point in time, or a signal. A step that waits holds no slot and no lease.

use serde_json::Value;

use crate::{
    dag::WaitRules,
    model::{Fact, Json, Signal, StepError, StepState, Timestamp},
    state::{StepCause, flow::Chosen, working::Working},
    template::Expression,
};

impl Working {
    pub(super) fn begin_wait(&mut self, idx: u32, wait: &WaitRules) {
        let due_at = match wait {
            WaitRules::Span(span) => Some(self.now() + *span),
            WaitRules::Until(until) => match self.evaluate(idx, until) {
                None => return,
                Some(value) => match point_in_time(until, value) {
                    Ok(due_at) => Some(due_at),
                    Err(error) => return self.fail_unbegun(idx, error),
                },
            },
            WaitRules::Signal { deadline, .. } => {
                let came_before = self.step(idx).and_then(|step| step.flow.as_ref()?.signal.clone());
                if let Some(signal) = came_before {
                    return self.end_wait(idx, json_of(&signal));
                }
                deadline.map(|deadline| self.now() + deadline)
            }
        };
        let is_signal = matches!(wait, WaitRules::Signal { .. });
        if let Some(due_at) = due_at.filter(|due_at| !is_signal && *due_at <= self.now()) {
            return self.end_wait(idx, Json::of(&due_at).unwrap_or_else(|_| Json::null()));
        }
        let Some(at) = self.move_step(idx, StepCause::Wait) else { return };
        let now = self.now();
        let row = self.row_mut(at);
        row.due_at = due_at;
        row.started_at = Some(now);
        self.say(Fact::StepWaiting { step: idx, due_at });
    }

    /// The time of a step that waits is over; or it is the first of its task, and has to begin.
    pub(in crate::state) fn wait_over(&mut self, idx: u32) {
        let Some(rules) = self.rules_held(idx) else { return };
        let has_begun = self.step(idx).is_some_and(|step| step.started_at.is_some());
        if !has_begun {
            if let Some(row) = self.touch(idx) {
                row.due_at = None;
            }
            return self.ready(idx);
        }
        match &rules.get().wait {
            Some(WaitRules::Signal { name, .. }) => {
                let message = format!("no signal `{name}` came before the deadline");
                self.fail_unbegun(idx, StepError::permanent("wait_timed_out", message));
            }
            Some(_) => {
                let until = self.step(idx).and_then(|step| step.due_at);
                self.end_wait(idx, Json::of(&until).unwrap_or_else(|_| Json::null()));
            }
            None => {}
        }
    }

    /// Hands a signal to the first step that waits for it and has none yet; every step is at hand.
    pub(in crate::state) fn signal(&mut self, name: &str, payload: &Json, by: Option<&str>) {
        let Some(definition) = self.definition.clone() else { return };
        let lacks_it = |working: &Self, idx: u32| {
            working.step(idx).is_some_and(|step| {
                !step.state.is_final() && step.flow.as_ref().is_none_or(|flow| flow.signal.is_none())
            })
        };
        let mut waiting = definition.signals().filter(|(_, known)| *known == name).map(|(idx, _)| idx);
        let Some(idx) = waiting.find(|idx| lacks_it(self, *idx)) else { return };
        let by = by.map(str::to_owned);
        let received_at = self.now();
        self.say(Fact::SignalReceived {
            step: idx,
            signal: name.to_owned(),
            by: by.clone(),
            payload: payload.to_value(),
        });
        let signal = Signal { signal: name.to_owned(), payload: payload.clone(), by, received_at };
        let has_begun =
            self.step(idx).is_some_and(|step| step.state == StepState::Waiting && step.started_at.is_some());
        if has_begun {
            self.end_wait(idx, json_of(&signal));
        } else {
            self.change_flow(idx, |flow| flow.signal = Some(signal));
        }
    }

    /// A step that needed no worker is done.
    pub(super) fn end_wait(&mut self, idx: u32, result: Json) {
        if self.step(idx).is_some_and(|step| step.state != StepState::Waiting) {
            self.move_step(idx, StepCause::Wait);
        }
        if !self.complete(idx, result, &Chosen::All) {
            self.is_short = true;
        }
    }
}

fn point_in_time(until: &Expression, value: Result<Value, String>) -> Result<Timestamp, StepError> {
    let refused = |reason: String| {
        let message = format!("`until: {}` is no point in time: {reason}", until.text());
        StepError::permanent("wait_invalid", message)
    };
    match value.map_err(refused)? {
        Value::String(text) => Timestamp::try_from(text.as_str()).map_err(|error| refused(error.to_string())),
        other => Err(refused(format!("it is {other}, and not a text such as 2026-03-01T12:00:00Z"))),
    }
}

fn json_of(signal: &Signal) -> Json {
    Json::of(signal).unwrap_or_else(|_| Json::null())
}
