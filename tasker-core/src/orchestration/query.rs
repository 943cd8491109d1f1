use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{Engine, Error, Result};
use crate::{
    dag::{Definition, TemplateKey},
    model::{Event, Fact, Page, Step, StepId, StepPlace, StepState, Task, TaskId, WorkerId, limits},
    store::{TaskFilter, WorkerRecord},
};

/// Between two looks at a task whose end another process may bring about; each pause is half as long again as the one before, so
/// that an end is seen after at most that much more than the task took.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_secs(1));
const LONGER: f64 = 1.5;

impl Engine {
    /// One task without its steps.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`], [`Error::Store`].
    pub async fn task(&self, task_id: TaskId) -> Result<Task> {
        self.store.task(task_id).await?.ok_or(Error::TaskNotFound(task_id))
    }

    /// The definition that a task runs.
    ///
    /// # Errors
    /// [`Error::Definition`], [`Error::Store`].
    pub async fn definition_of(&self, task: &Task) -> Result<Arc<Definition>> {
        let environment = task.environment.as_deref().map(Into::into);
        self.definition(&TemplateKey { id: task.template_id, environment }).await
    }

    /// Tasks that pass the filter, newest first; at most [`limits::PAGE`] on a page. A page looks through a bounded number of
    /// tasks: it may hold fewer than asked for, even none, and tell where to go on.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tasks(&self, filter: &TaskFilter, limit: u32) -> Result<Page<Task>> {
        Ok(self.store.tasks(filter, limit.clamp(1, limits::PAGE)).await?)
    }

    /// How many parts of each step of a task are in which state.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count_parts(&self, task_id: TaskId, definition: &Definition) -> Result<Vec<(u32, StepState, u32)>> {
        Ok(if definition.has_batches() { self.store.count_parts(task_id).await? } else { Vec::new() })
    }

    /// One step of a task, which may be a part of a batch.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn step(&self, id: StepId) -> Result<Option<Step>> {
        let only = id.idx..id.idx.saturating_add(1);
        Ok(self.store.steps_in(id.task_id, only, 1).await?.pop())
    }

    /// Parts of a step of a task, from one number on; at most [`limits::PAGE`] on a page. `next` is the number to go on from.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn parts(&self, task_id: TaskId, step: u32, from: u32, limit: u32) -> Result<Page<Step>> {
        let limit = limit.clamp(1, limits::PAGE);
        let all = StepPlace::parts_of(step);
        // A part has none of its own, and no step has parts beyond the limit.
        if StepPlace::of(step).part.is_some() || from as usize >= limits::BATCH {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let range = StepPlace::part(step, from).idx()..all.end;
        let mut parts = self.store.steps_in(task_id, range, limit + 1).await?;
        let more = parts.get(limit as usize).and_then(|step| StepPlace::of(step.id.idx).part);
        parts.truncate(limit as usize);
        Ok(Page { items: parts, next: more.map(|part| part.to_string()) })
    }

    /// The steps of a task, in the order of its template, without the parts of batches.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn steps(&self, task_id: TaskId) -> Result<Vec<Step>> {
        Ok(self.store.steps(task_id).await?)
    }

    /// What happened to a task after the event numbered `after_seq` (0 for all): up to [`limits::PAGE`] commits' worth, and no
    /// more than go over [`limits::EVENT_BYTES`]. Empty only at the end.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn history(&self, task_id: TaskId, after_seq: i64) -> Result<Vec<Event>> {
        let batches = self.store.events(task_id, after_seq, limits::PAGE).await?;
        let events = batches.into_iter().flat_map(crate::model::EventBatch::events);
        Ok(events.filter(|event| event.seq > after_seq).collect())
    }

    /// The workers that ran the attempts in a history.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn workers_of(&self, history: &[Event]) -> Result<Vec<WorkerRecord>> {
        let ids: BTreeSet<WorkerId> = history
            .iter()
            .filter_map(|event| match &event.fact {
                Fact::StepStarted { worker, .. } => Some(*worker),
                _ => None,
            })
            .collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.store.workers(&Vec::from_iter(ids)).await?)
    }

    /// Waits for the end of a task, whichever process brings it about.
    ///
    /// # Errors
    /// [`Error::NotEnded`] when the time is over; [`Error::TaskNotFound`], [`Error::Store`].
    pub async fn wait(&self, task_id: TaskId, at_most: Duration) -> Result<Task> {
        let until = Instant::now() + at_most;
        let mut pause = LOOK_AGAIN.0;
        let mut seen = None;
        loop {
            // First the subscription, then the look: an end between the two is seen.
            let end = self.wakeups.end_of(task_id);
            // A task that this engine has moved on since the last look has not ended elsewhere.
            let known = self.recall.seq(task_id);
            let is_moving = known.is_some() && known != seen;
            seen = known;
            let left = until.saturating_duration_since(Instant::now());
            if !is_moving || left.is_zero() {
                let task = self.task(task_id).await?;
                if task.state.is_final() {
                    self.wakeups.forget_end_of(task_id);
                    return Ok(task);
                }
                if left.is_zero() {
                    drop(end);
                    self.wakeups.forget_end_of(task_id);
                    return Err(Error::NotEnded { task_id, state: task.state });
                }
            }
            // Whether it was told of the end or not, it looks again.
            drop(timeout(pause.min(left), end).await);
            pause = pause.mul_f64(LONGER).min(LOOK_AGAIN.1);
        }
    }
}
