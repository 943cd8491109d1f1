mod rows;
mod steps;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    NewStep, Snapshot, StepSnapshot, TaskCause, TaskSnapshot, Values, Verb, Wanted, flow::Spawn, task_transition,
};
use crate::{
    dag::Definition,
    model::{BatchFlow, BatchPart, Ending, Fact, Json, StepError, TaskId, TaskState, Timestamp},
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

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn touch_task(&mut self) {
        self.is_touched = true;
    }

    pub(super) fn say(&mut self, fact: Fact) {
        self.is_touched = true;
        self.facts.push(fact);
    }

    /// The first step of the task begins.
    pub(super) fn start_task(&mut self) {
        if let Some(state) = task_transition(self.task.state, TaskCause::Start) {
            self.task.state = state;
            self.say(Fact::TaskStarted);
        }
    }

    /// Ends the task if its last step has ended. True if something has to be done before that, which was added.
    pub(super) fn end_if_done(&mut self) -> bool {
        let is_open = self.task.counts.done < self.task.counts.total || self.task.state == TaskState::BlockedByFailures;
        if !self.is_touched || self.task.state.is_final() || is_open {
            return false;
        }
        self.end_or_add()
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

    pub(super) fn end(&mut self, cause: TaskCause, fact: Fact) {
        if let Some(state) = task_transition(self.task.state, cause) {
            self.task.state = state;
            self.task.deadline_at = None;
            self.task.completed_at = Some(self.now);
            self.say(fact);
        }
    }
}
