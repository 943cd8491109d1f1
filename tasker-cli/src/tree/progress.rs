use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tasker_core::model::{Json, StepError, StepPlace, StepState, TaskId, TaskState, Timestamp};
use tasker_worker::client::{EventView, StepPhase, StepView, TaskView, TreeView};

/// A task and its steps, as the events seen so far tell it.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) task_id: TaskId,
    /// `namespace/name`
    pub(crate) template: String,
    pub(crate) version: String,
    pub(crate) state: TaskState,
    pub(crate) error: Option<StepError>,
    pub(crate) created_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    /// How it ends, while something is yet to be done before that.
    pub(crate) ending: Option<TaskState>,
    pub(crate) steps: Vec<StepProgress>,
    /// The steps in layers, each of which can run when those before it are done.
    pub(crate) layers: Vec<Vec<u32>>,
    /// Number of the last event that was applied.
    pub(crate) seq: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct StepProgress {
    pub(crate) idx: u32,
    pub(crate) name: String,
    pub(crate) state: StepState,
    pub(crate) attempt: u32,
    pub(crate) attempts_max: u32,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    /// When the next attempt may begin.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) error: Option<StepError>,
    pub(crate) result: Option<Json>,
    /// Of a step whose work is split.
    pub(crate) parts: Option<PartsProgress>,
    /// The signal that it waits for.
    pub(crate) signal: Option<String>,
    /// Of a skipped step: those that did not choose it, as far as that was looked at.
    pub(crate) left_out_by: Vec<String>,
    /// The task that runs it, or ran it last.
    pub(crate) child_id: Option<TaskId>,
    /// How far that task has come, as it was last looked at.
    pub(crate) child: Option<Box<Progress>>,
}

impl Progress {
    /// A task as it was before its first event.
    pub(crate) fn blank(task: &TaskView) -> Self {
        let steps = task.steps.as_deref().unwrap_or_default();
        Self {
            task_id: task.task_uuid,
            template: format!("{}/{}", task.namespace, task.name),
            version: task.version.clone(),
            state: TaskState::Pending,
            error: None,
            created_at: task.created_at,
            ended_at: None,
            ending: None,
            steps: steps.iter().filter(|step| step.phase.is_none()).map(StepProgress::blank).collect(),
            layers: layers(steps),
            seq: 0,
        }
    }

    /// A task as it is.
    pub(crate) fn of(task: &TaskView) -> Self {
        let mut progress = Self::blank(task);
        progress.seq = task.last_seq;
        progress.look_at(task);
        progress
    }

    /// Another task of the same template, before its first event; `self` must be so too.
    pub(crate) fn for_task(&self, task: &TaskView) -> Self {
        Self { task_id: task.task_uuid, created_at: task.created_at, ..self.clone() }
    }

    /// Takes over how far the tasks have come that run for the steps.
    pub(crate) fn graft(&mut self, tree: &TreeView) {
        let tasks: HashMap<TaskId, &TaskView> = tree.tasks.iter().map(|task| (task.task_uuid, task)).collect();
        self.graft_from(&tasks);
    }

    fn graft_from(&mut self, tasks: &HashMap<TaskId, &TaskView>) {
        for step in &mut self.steps {
            let Some(task) = step.child_id.and_then(|child| tasks.get(&child)) else { continue };
            let mut child = Self::of(task);
            child.graft_from(tasks);
            step.child = Some(Box::new(child));
        }
    }

    /// Whether a task runs for one of the steps now.
    pub(crate) fn has_open_child(&self) -> bool {
        self.steps.iter().any(|step| step.child_id.is_some() && !step.state.is_final())
    }

    /// Whether a task runs, or ran, for one of the steps.
    pub(crate) fn has_child(&self) -> bool {
        self.steps.iter().any(|step| step.child_id.is_some())
    }

    /// Ascending by index; a task may have come to none, and to others.
    fn at(&self, idx: u32) -> Option<usize> {
        self.steps.binary_search_by_key(&idx, |step| step.idx).ok()
    }

    pub(crate) fn step(&self, idx: u32) -> Option<&StepProgress> {
        Some(&self.steps[self.at(idx)?])
    }

    /// Takes over what the task is now, with steps that have come to it meanwhile.
    pub(crate) fn look_at(&mut self, task: &TaskView) {
        let steps = task.steps.as_deref().unwrap_or_default();
        (self.state, self.error, self.ended_at) = (task.status, task.error.clone(), task.completed_at);
        self.ending = task.ending.as_ref().map(|ending| ending.status);
        let mut before = std::mem::take(&mut self.steps).into_iter();
        let of = |step: &StepView| {
            let known = before.find(|known| known.idx >= step.step_idx).filter(|known| known.idx == step.step_idx);
            let child = known.and_then(|known| known.child);
            StepProgress {
                child: child.filter(|child| Some(child.task_id) == step.child_uuid),
                ..StepProgress::of(step)
            }
        };
        self.steps = steps.iter().map(of).collect();
        self.layers = layers(steps);
    }

    /// Draws the consequence of the next event; false where only a look at the task can tell.
    pub(crate) fn apply(&mut self, event: &EventView) -> bool {
        self.seq = event.seq;
        match event.kind.as_str() {
            "task.created" => self.state = TaskState::Pending,
            "task.started" => self.state = TaskState::InProgress,
            "task.completed" => self.end(TaskState::Complete, event),
            "task.failed" => self.end(TaskState::Error, event),
            "task.cancelled" => self.end(TaskState::Cancelled, event),
            "task.resolved_manually" => self.end(TaskState::ResolvedManually, event),
            "task.paused" => {
                self.state = TaskState::Paused;
                let in_queues = self.steps.iter_mut().filter(|step| step.state == StepState::Enqueued);
                in_queues.for_each(|step| step.state = StepState::Pending);
            }
            "task.resumed" | "task.reopened" => {
                let has_begun = self.steps.iter().any(|step| step.attempt > 0);
                self.state = if has_begun { TaskState::InProgress } else { TaskState::Pending };
                (self.error, self.ended_at) = (None, None);
            }
            "task.blocked" => self.state = TaskState::BlockedByFailures,
            "task.ending" => self.ending = event.details.get("status").and_then(|status| status.as_str()?.parse().ok()),
            "task.prioritized" | "task.rerun" | "signal.received" | "event.published" => {}
            _ => {
                let Some(place) = event.step_idx.map(StepPlace::of) else { return false };
                let step = self.at(place.step).map(|at| &mut self.steps[at]);
                return step.is_some_and(|step| match place.part {
                    Some(_) => step.parts.get_or_insert_default().apply(event),
                    None => step.apply(event),
                });
            }
        }
        true
    }

    fn end(&mut self, state: TaskState, event: &EventView) {
        (self.state, self.ending) = (state, None);
        self.error.clone_from(&event.error);
        self.ended_at = Some(event.at);
    }
}

/// How far the parts of a step have come. There may be very many, so that they are not kept one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartsProgress {
    pub(crate) of: u32,
    pub(crate) done: u32,
    /// Those that failed for good and wait for an operator.
    pub(crate) failed: u32,
}

impl PartsProgress {
    fn of(states: &BTreeMap<String, u32>) -> Self {
        let count = |is: fn(StepState) -> bool| {
            let counts = states.iter().filter(|(state, _)| state.parse().is_ok_and(is));
            counts.map(|(_, count)| count).sum()
        };
        Self {
            of: count(|_| true),
            done: count(|state| state.is_final() && state != StepState::Error),
            failed: count(|state| state == StepState::Error),
        }
    }

    /// False where only a look at the task can tell: an operator changed what had ended.
    fn apply(&mut self, event: &EventView) -> bool {
        match event.kind.as_str() {
            "step.completed" | "step.cancelled" | "step.skipped" => self.done += 1,
            "step.failed" => self.failed += 1,
            "step.enqueued" | "step.started" | "step.retry_scheduled" | "step.lost" | "step.released" | "step.held" => {
            }
            _ => return false,
        }
        true
    }
}

impl StepProgress {
    fn blank(step: &StepView) -> Self {
        Self {
            idx: step.step_idx,
            name: step.name.clone(),
            state: if step.dependencies.is_empty() { StepState::Enqueued } else { StepState::Pending },
            attempt: 0,
            attempts_max: step.max_attempts,
            started_at: None,
            ended_at: None,
            due_at: None,
            error: None,
            result: None,
            parts: None,
            signal: step.signal.clone(),
            left_out_by: Vec::new(),
            child_id: None,
            child: None,
        }
    }

    fn of(step: &StepView) -> Self {
        Self {
            state: step.current_state,
            attempt: step.attempts,
            started_at: step.started_at,
            ended_at: step.completed_at,
            due_at: step.next_retry_at.or(step.due_at),
            error: step.error.clone(),
            result: step.results.clone(),
            parts: step.parts.as_ref().map(PartsProgress::of),
            left_out_by: step.left_out_by.clone(),
            child_id: step.child_uuid,
            ..Self::blank(step)
        }
    }

    /// How long the current or last attempt has taken; none before the first.
    pub(crate) fn duration(&self, now: Timestamp) -> Option<Duration> {
        let started_at = self.started_at?;
        match self.state {
            StepState::InProgress | StepState::Waiting => Some(now.since(started_at)),
            _ => Some(self.ended_at?.since(started_at)),
        }
    }

    fn apply(&mut self, event: &EventView) -> bool {
        match event.kind.as_str() {
            "step.enqueued" | "step.lost" | "step.released" | "step.reset" => self.open(StepState::Enqueued),
            "step.reopened" | "step.held" => self.open(StepState::Pending),
            "step.started" => {
                self.open(StepState::InProgress);
                (self.started_at, self.attempt) = (Some(event.at), event.attempt.unwrap_or(self.attempt));
            }
            "step.completed" | "step.completed_manually" => self.end(StepState::Complete, event),
            "step.failed" => self.end(StepState::Error, event),
            "step.retry_scheduled" => {
                self.end(StepState::WaitingForRetry, event);
                self.due_at = event.due_at;
            }
            "step.waiting" => {
                self.open(StepState::Waiting);
                (self.started_at, self.due_at) = (Some(event.at), event.due_at);
            }
            "step.split" => {
                let of = event.details.get("parts").and_then(serde_json::Value::as_u64);
                let of = of.and_then(|parts| parts.try_into().ok()).unwrap_or_default();
                self.parts = Some(PartsProgress { of, ..PartsProgress::default() });
            }
            "step.child_started" => {
                self.open(StepState::Waiting);
                (self.started_at, self.attempt) = (Some(event.at), event.attempt.unwrap_or(self.attempt));
                let child = event.details.get("child").and_then(|child| child.as_str()?.parse().ok());
                (self.child_id, self.child) = (child, None);
            }
            "step.cancelled" => self.end(StepState::Cancelled, event),
            "step.skipped" => self.end(StepState::Skipped, event),
            "step.resolved_manually" => self.end(StepState::ResolvedManually, event),
            _ => return false,
        }
        true
    }

    fn open(&mut self, state: StepState) {
        self.state = state;
        (self.due_at, self.ended_at) = (None, None);
    }

    fn end(&mut self, state: StepState, event: &EventView) {
        self.state = state;
        self.due_at = None;
        self.ended_at = Some(event.at);
        if event.error.is_some() {
            self.error.clone_from(&event.error);
        }
    }
}

/// The names of the steps that a step comes after: what a task does before it ends comes after all else, and one compensation
/// after the other.
fn before<'s>(steps: &'s [StepView], step: &'s StepView) -> impl Iterator<Item = &'s str> {
    let is_before = move |other: &&StepView| match (other.phase, step.phase) {
        (_, None) => false,
        (None, _) | (Some(StepPhase::Compensation), Some(StepPhase::Finally)) => true,
        (Some(StepPhase::Compensation), Some(StepPhase::Compensation)) => begun(other) < begun(step),
        _ => false,
    };
    let earlier = steps.iter().filter(is_before).map(|other| other.name.as_str());
    step.dependencies.iter().map(String::as_str).chain(earlier)
}

/// What orders steps of which one begins when the other has ended; the one that has yet to begin is the last.
fn begun(step: &StepView) -> (bool, Option<Timestamp>, u32) {
    (step.started_at.is_none(), step.started_at, step.step_idx)
}

/// The steps by the length of the longest way to them.
fn layers(steps: &[StepView]) -> Vec<Vec<u32>> {
    let place: HashMap<&str, usize> = steps.iter().map(|step| step.name.as_str()).zip(0..).collect();
    let mut waiting: Vec<usize> = vec![0; steps.len()];
    let mut dependents = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate() {
        for dependency in before(steps, step).filter_map(|name| place.get(name)) {
            waiting[at] += 1;
            dependents[*dependency].push(at);
        }
    }
    let mut layers = Vec::new();
    let mut next: Vec<usize> = (0..steps.len()).filter(|at| waiting[*at] == 0).collect();
    while !next.is_empty() {
        let mut after = Vec::new();
        for dependent in next.iter().flat_map(|at| &dependents[*at]) {
            waiting[*dependent] -= 1;
            if waiting[*dependent] == 0 {
                after.push(*dependent);
            }
        }
        after.sort_unstable();
        layers.push(next.into_iter().map(|at| steps[at].step_idx).collect());
        next = after;
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(idx: u32, phase: Option<StepPhase>, dependencies: &[&str], started: Option<i64>) -> StepView {
        let task_id = TaskId::new();
        StepView {
            phase,
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
            started_at: started.map(Timestamp::from_micros),
            ..serde_json::from_value(serde_json::json!({
                "step_uuid": task_id, "task_uuid": task_id, "step_idx": idx, "name": format!("step_{idx}"),
                "current_state": "pending", "handler": "it", "queue": "default",
                "attempts": 0, "max_attempts": 3, "failures": 0, "losses": 0,
            }))
            .expect("a step")
        }
    }

    #[test]
    fn compensations_stand_one_below_the_other_as_they_began() {
        let undo = |idx, started| step(idx, Some(StepPhase::Compensation), &[], started);
        let last = |idx| step(idx, Some(StepPhase::Finally), &[], None);
        let steps = [
            step(0, None, &[], None),
            step(1, None, &["step_0"], None),
            step(2, None, &["step_0"], None),
            last(3),
            last(4),
            undo(5, None),
            undo(6, Some(20)),
            undo(7, Some(10)),
        ];
        assert_eq!(layers(&steps), [vec![0], vec![1, 2], vec![7], vec![6], vec![5], vec![3, 4]]);
    }
}
