use std::{collections::HashMap, time::Duration};

use super::{Engine, Result};
use crate::{
    model::{Step, StepState, Task, TaskId, Timestamp, limits},
    state::{Circumstances, Why, why},
};

/// A worker that has not been heard of for longer is taken for gone.
pub(super) const ALIVE: Duration = Duration::from_secs(90);
/// Enqueued steps whose place in the queue is looked up; and how far that is counted.
const PLACES: usize = 20;
const AHEAD: u32 = 1_000;
/// Events that are read for the times since when steps stand where they stand.
const EVENTS: i64 = 2_000;

impl Engine {
    /// Why each step of a task that has not ended stands where it stands, since when, and what would move it.
    ///
    /// # Errors
    /// [`super::Error::TaskNotFound`], [`super::Error::Store`].
    pub async fn why(&self, task_id: TaskId) -> Result<Why> {
        let task = self.task(task_id).await?;
        let steps = self.steps(task_id).await?;
        let known = self.circumstances(&task, &steps).await?;
        Ok(why(&task, &steps, &known))
    }

    async fn circumstances(&self, task: &Task, steps: &[Step]) -> Result<Circumstances> {
        let mut dependencies = vec![Vec::new(); steps.len()];
        for step in steps {
            for dependent in &step.dependents {
                if let Some(list) = dependencies.get_mut(*dependent as usize) {
                    list.push(step.id.idx);
                }
            }
        }
        let now = self.store.now().await?;
        let enqueued: Vec<_> = steps.iter().filter(|step| step.state == StepState::Enqueued).collect();
        let mut ahead = HashMap::new();
        for step in enqueued.iter().take(PLACES) {
            ahead.insert(step.id.idx, self.store.count_ahead(step, task.priority, AHEAD).await?);
        }
        let workers = if enqueued.is_empty() { HashMap::new() } else { self.alive(now, &enqueued).await? };
        let since = self.since(task, steps).await?;
        let definition = self.definition_of(task).await?;
        let parts = self.count_parts(task.task_id, &definition).await?;
        let waiting = steps.iter().filter(|step| step.state == StepState::Waiting).map(|step| step.id.idx);
        let signals = waiting.filter_map(|idx| Some((idx, definition.signal(idx)?.to_owned()))).collect();
        Ok(Circumstances { now: Some(now), dependencies, workers, ahead, since, parts, signals })
    }

    async fn alive(&self, now: Timestamp, steps: &[&Step]) -> Result<HashMap<(String, String), usize>> {
        let since = Timestamp::from_micros(now.as_micros() - i64::try_from(ALIVE.as_micros()).unwrap_or(0));
        let workers = self.store.known_workers(since, limits::PAGE).await?;
        let mut alive = HashMap::new();
        for step in steps {
            let serves = workers.iter().filter(|worker| {
                let queues = &worker.record.queues;
                worker.record.handlers.contains(&step.handler) && (queues.is_empty() || queues.contains(&step.queue))
            });
            alive.insert((step.queue.clone(), step.handler.clone()), serves.count());
        }
        Ok(alive)
    }

    async fn since(&self, task: &Task, steps: &[Step]) -> Result<HashMap<u32, Timestamp>> {
        let starts = steps.iter().filter_map(|step| Some((step.id.idx, step.started_at?)));
        let mut since: HashMap<_, _> = starts.collect();
        for event in self.history(task.task_id, (task.seq - EVENTS).max(0)).await? {
            if let Some(step) = event.fact.step() {
                since.insert(step, event.at);
            }
        }
        Ok(since)
    }
}
