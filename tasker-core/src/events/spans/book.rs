//! The tasks whose spans have not all ended.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use opentelemetry_proto::tonic::trace::v1::Span;

use super::task::TracedTask;
use crate::{
    dag::TemplateKey,
    model::TaskId,
    orchestration::{Engine, Followed, Origin, Result},
};

/// Spans that are open at the same time. Of tasks beyond that, the events are read again when something happens to them.
const OPEN_MAX: usize = 100_000;

/// What is known of tasks under way. It is a cache: all of it can be read from the log again.
pub(super) struct Book {
    engine: Arc<Engine>,
    tasks: HashMap<TaskId, Known>,
    /// Counts what is read, to tell which tasks were quiet longest.
    reads: u64,
    open_max: usize,
}

struct Known {
    task: TracedTask,
    read: u64,
}

impl Book {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, tasks: HashMap::new(), reads: 0, open_max: OPEN_MAX }
    }

    /// The spans that ended with these events, which follow those that were read before.
    pub(super) async fn read(&mut self, found: &[Followed]) -> Result<Vec<Span>> {
        self.reads += 1;
        let mut origins = self.origins_of(found).await?;
        let mut ended = Vec::new();
        for Followed { template, event, .. } in found {
            // Without a task there is nobody to tell of.
            let Some(template) = template else { continue };
            let known = match self.tasks.entry(event.task_id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let Some(origin) = origins.remove(&event.task_id) else { continue };
                    let task = begin(&self.engine, origin, template, event.seq).await?;
                    place.insert(Known { task, read: self.reads })
                }
            };
            known.read = self.reads;
            known.task.take(event, &mut ended);
        }
        self.tidy_up();
        Ok(ended)
    }

    /// Forgets everything: what comes next does not follow what was read.
    pub(super) fn clear(&mut self) {
        self.tasks.clear();
    }

    async fn origins_of(&self, found: &[Followed]) -> Result<HashMap<TaskId, Origin>> {
        let unknown = found.iter().filter(|it| it.template.is_some()).map(|it| it.event.task_id);
        let mut unknown: Vec<_> = unknown.filter(|task_id| !self.tasks.contains_key(task_id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(HashMap::new());
        }
        let origins = self.engine.origins(&unknown).await?;
        Ok(origins.into_iter().map(|origin| (origin.task_id, origin)).collect())
    }

    fn tidy_up(&mut self) {
        self.tasks.retain(|_, known| !known.task.is_through());
        let mut open: usize = self.tasks.values().map(|known| known.task.open()).sum();
        if open <= self.open_max {
            return;
        }
        let mut oldest: Vec<_> = self.tasks.iter().map(|(task_id, known)| (known.read, *task_id)).collect();
        oldest.sort_unstable();
        for (_, task_id) in oldest {
            if open <= self.open_max / 2 {
                break;
            }
            open -= self.tasks.remove(&task_id).map_or(0, |known| known.task.open());
        }
    }
}

/// A task as it stood before the event of this number.
async fn begin(engine: &Engine, origin: Origin, template: &TemplateKey, seq: i64) -> Result<TracedTask> {
    let task_id = origin.task_id;
    let mut task = TracedTask::new(origin, engine.definition(template).await?);
    // What ended before was told then.
    let mut told = Vec::new();
    while task.seq() + 1 < seq {
        let before = task.seq();
        for event in engine.history(task_id, before).await?.iter().take_while(|event| event.seq < seq) {
            task.take(event, &mut told);
        }
        told.clear();
        if task.seq() == before {
            break;
        }
    }
    Ok(task)
}
