use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, SkipReason, StepError, TaskId, TaskState, Timestamp, WorkerId};

/// Something that happened to a task or to one of its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Fact {
    #[serde(rename = "task.created")]
    TaskCreated,
    #[serde(rename = "task.started")]
    TaskStarted,
    #[serde(rename = "task.completed")]
    TaskCompleted,
    #[serde(rename = "task.failed")]
    TaskFailed { error: StepError },
    #[serde(rename = "task.cancelled")]
    TaskCancelled {
        #[serde(flatten)]
        actor: Actor,
    },
    /// An operator stopped further steps from starting.
    #[serde(rename = "task.paused")]
    TaskPaused {
        #[serde(flatten)]
        actor: Actor,
    },
    #[serde(rename = "task.resumed")]
    TaskResumed {
        #[serde(flatten)]
        actor: Actor,
    },
    /// An operator closed it by hand.
    #[serde(rename = "task.resolved_manually")]
    TaskResolved {
        #[serde(flatten)]
        actor: Actor,
    },
    /// A failed task goes on, because an operator did something to one of its steps.
    #[serde(rename = "task.reopened")]
    TaskReopened {
        #[serde(flatten)]
        actor: Actor,
    },
    #[serde(rename = "task.prioritized")]
    TaskPrioritized {
        priority: i16,
        #[serde(flatten)]
        actor: Actor,
    },
    /// An operator had `task` run with the same input.
    #[serde(rename = "task.rerun")]
    TaskRerun {
        task: TaskId,
        #[serde(flatten)]
        actor: Actor,
    },
    /// It is known how the task ends; what was done is undone, and its `finally` run, before it does.
    #[serde(rename = "task.ending")]
    TaskEnding {
        status: TaskState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
        #[serde(flatten)]
        actor: Actor,
    },
    /// Its result is that of the same step of another task, which this one runs again from a later step, or one that was given in
    /// its place.
    #[serde(rename = "step.taken_over")]
    StepTakenOver {
        step: u32,
        from: TaskId,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_given: bool,
    },
    /// It came to the task while that ran: a compensation, or a step of `finally`.
    #[serde(rename = "step.added")]
    StepAdded { step: u32 },
    #[serde(rename = "step.enqueued")]
    StepEnqueued { step: u32 },
    #[serde(rename = "step.started")]
    StepStarted { step: u32, attempt: u32, worker: WorkerId },
    #[serde(rename = "step.completed")]
    StepCompleted {
        step: u32,
        attempt: u32,
        /// What the handler says besides its result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metadata: Option<Box<Value>>,
    },
    /// Failed for good; `step.retry_scheduled` is the failure that is tried again.
    #[serde(rename = "step.failed")]
    StepFailed { step: u32, attempt: u32, error: StepError },
    #[serde(rename = "step.retry_scheduled")]
    StepRetryScheduled { step: u32, attempt: u32, error: StepError, due_at: Timestamp },
    /// The attempt's worker went silent, or gave up its lease without an answer.
    #[serde(rename = "step.lost")]
    StepLost { step: u32, attempt: u32 },
    /// The attempt went back to the queue before its handler began.
    #[serde(rename = "step.released")]
    StepReleased { step: u32, attempt: u32 },
    #[serde(rename = "step.cancelled")]
    StepCancelled { step: u32 },
    /// An operator wants it to run again, with all its attempts anew.
    #[serde(rename = "step.reset")]
    StepReset {
        step: u32,
        #[serde(flatten)]
        actor: Actor,
    },
    /// An operator closed it by hand.
    #[serde(rename = "step.resolved_manually")]
    StepResolved {
        step: u32,
        #[serde(flatten)]
        actor: Actor,
    },
    /// An operator gave the result in the handler's place.
    #[serde(rename = "step.completed_manually")]
    StepCompletedManually {
        step: u32,
        #[serde(flatten)]
        actor: Actor,
    },
    /// It may run, and waits for its paused task to go on.
    #[serde(rename = "step.held")]
    StepHeld { step: u32 },
    /// It was cancelled for a failure that no longer stands, and may run again.
    #[serde(rename = "step.reopened")]
    StepReopened { step: u32 },
    /// It is left out, and what depends on it goes by its own rules.
    #[serde(rename = "step.skipped")]
    StepSkipped {
        step: u32,
        reason: SkipReason,
        /// What it failed with, where that is the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// The task waits for an operator because of this step; other branches run on.
    #[serde(rename = "task.blocked")]
    TaskBlocked { step: u32 },
    /// It waits for a time or a signal.
    #[serde(rename = "step.waiting")]
    StepWaiting {
        step: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<Timestamp>,
    },
    /// Its work was split into so many parts, which are steps of the task from now on.
    #[serde(rename = "step.split")]
    StepSplit { step: u32, parts: u32 },
    /// Its sub-workflow was submitted.
    #[serde(rename = "step.child_started")]
    StepChildStarted { step: u32, attempt: u32, child: TaskId },
    /// What this step waits for was sent, before the wait or during it.
    #[serde(rename = "signal.received")]
    SignalReceived {
        step: u32,
        signal: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        payload: Value,
    },
    /// An event of the user's own domain.
    #[serde(rename = "event.published")]
    EventPublished { step: u32, attempt: u32, name: String, payload: Value },
    /// What a newer version tells and this one has no word for. It is shown and carried on, and never written.
    #[serde(skip)]
    Other(Box<OtherFact>),
}

/// A fact as it is stored, whatever it says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct OtherFact {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub step: Option<u32>,
    /// All else that it says.
    #[serde(flatten)]
    pub fields: BTreeMap<String, Value>,
}

impl Fact {
    /// The facts of a row of the log. Of a newer version's, those that this one does not understand are among them as
    /// [`Fact::Other`]: whoever reads the log passes them on, and does not stand still in front of them.
    ///
    /// # Errors
    /// When the text is no list of facts of any version.
    pub fn list(text: &str) -> serde_json::Result<Vec<Self>> {
        serde_json::from_str(text).or_else(|_| {
            let facts: Vec<Value> = serde_json::from_str(text)?;
            let read = |fact| Self::deserialize(&fact).or_else(|_| Ok(Self::Other(serde_json::from_value(fact)?)));
            facts.into_iter().map(read).collect()
        })
    }

    /// The step that this is about; none for facts about the task.
    #[must_use]
    pub fn step(&self) -> Option<u32> {
        match self {
            Self::TaskCreated
            | Self::TaskStarted
            | Self::TaskCompleted
            | Self::TaskFailed { .. }
            | Self::TaskCancelled { .. }
            | Self::TaskPaused { .. }
            | Self::TaskResumed { .. }
            | Self::TaskResolved { .. }
            | Self::TaskReopened { .. }
            | Self::TaskPrioritized { .. }
            | Self::TaskEnding { .. }
            | Self::TaskRerun { .. } => None,
            Self::StepTakenOver { step, .. }
            | Self::StepAdded { step }
            | Self::StepEnqueued { step }
            | Self::StepStarted { step, .. }
            | Self::StepCompleted { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepRetryScheduled { step, .. }
            | Self::StepLost { step, .. }
            | Self::StepReleased { step, .. }
            | Self::StepReset { step, .. }
            | Self::StepResolved { step, .. }
            | Self::StepCompletedManually { step, .. }
            | Self::StepHeld { step }
            | Self::StepReopened { step }
            | Self::StepCancelled { step }
            | Self::StepSkipped { step, .. }
            | Self::TaskBlocked { step }
            | Self::StepWaiting { step, .. }
            | Self::StepSplit { step, .. }
            | Self::StepChildStarted { step, .. }
            | Self::SignalReceived { step, .. }
            | Self::EventPublished { step, .. } => Some(*step),
            Self::Other(fact) => fact.step,
        }
    }

    /// Who did it and why; none for what the engine and its workers do by themselves.
    #[must_use]
    pub fn actor(&self) -> Option<&Actor> {
        match self {
            Self::TaskCancelled { actor }
            | Self::TaskEnding { actor, .. }
            | Self::TaskPaused { actor }
            | Self::TaskResumed { actor }
            | Self::TaskResolved { actor }
            | Self::TaskReopened { actor }
            | Self::TaskPrioritized { actor, .. }
            | Self::TaskRerun { actor, .. }
            | Self::StepReset { actor, .. }
            | Self::StepResolved { actor, .. }
            | Self::StepCompletedManually { actor, .. } => Some(actor),
            _ => None,
        }
    }
}

/// The events of one task in one commit: one row of the event log. Event `i` has the number `first_seq + i`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventBatch {
    pub task_id: TaskId,
    pub first_seq: i64,
    pub at: Timestamp,
    pub facts: Vec<Fact>,
}

impl EventBatch {
    /// The single events of this batch, in order.
    pub fn events(self) -> impl Iterator<Item = Event> {
        let Self { task_id, first_seq, at, facts } = self;
        (first_seq..).zip(facts).map(move |(seq, fact)| Event { task_id, seq, at, fact })
    }
}

/// One event of a task. `task_id` and `seq` together are its stable id; `seq` counts from 1 without gaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub task_id: TaskId,
    pub seq: i64,
    pub at: Timestamp,
    pub fact: Fact,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_of_a_newer_version_are_read_beside_those_that_are_understood() {
        let facts = json!([
            {"type": "task.created", "of_the_future": 1},
            {"type": "step.dreamt", "step": 3, "attempt": 2, "depth": [1.0]},
            {"type": "step.failed", "step": 0, "attempt": 1, "error": {"kind": "haunted", "code": "c", "message": "m"}},
        ]);
        let read = Fact::list(&facts.to_string()).unwrap();
        assert_eq!(read[0], Fact::TaskCreated);
        let Fact::Other(dreamt) = &read[1] else { panic!("{read:?}") };
        assert_eq!((&*dreamt.kind, read[1].step()), ("step.dreamt", Some(3)));
        assert_eq!(json!(dreamt.fields), json!({"attempt": 2, "depth": [1.0]}));
        assert!(matches!(&read[2], Fact::Other(fact) if fact.kind == "step.failed"), "with words of its own");
        for no_facts in ["{}", "[{}]", "[1]", "[{\"type\": \"task.created\"}"] {
            assert!(Fact::list(no_facts).is_err(), "{no_facts}");
        }
    }
}
