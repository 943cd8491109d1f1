use std::time::Duration;

use serde::Serialize;

use super::{Engine, EventWatch, Result, explain::ALIVE};
use crate::{
    model::{TaskId, Timestamp, limits},
    store::{Counts, EventCursor, Followed, KnownWorker, TaskFilter, TimeRange},
};

/// Queues that are listed, the deepest first.
const QUEUES: u32 = 200;
/// The span that tells how fast tasks come in and end.
const SPAN: Duration = Duration::from_secs(60);

/// How much there is of what, and how fast it moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub at: Timestamp,
    #[serde(flatten)]
    pub counts: Counts,
    /// Tasks submitted in the last minute, counted up to [`limits::COUNT`].
    pub submitted_last_minute: u64,
    /// Workers that were heard of lately.
    pub workers: u64,
    /// Attempts that these could run at the same time.
    pub slots: u64,
}

/// The milliseconds since the task was submitted; its id tells when.
#[must_use]
pub fn age_ms(task_id: TaskId, now: Timestamp) -> u64 {
    let submitted_ms = i64::try_from(task_id.0.as_u128() >> 80).unwrap_or(i64::MAX);
    u64::try_from(now.as_micros() / 1_000 - submitted_ms).unwrap_or(0)
}

impl Engine {
    /// How many tasks are in each state, how deep and old the queues are, how fast tasks come in.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn stats(&self) -> Result<Stats> {
        let at = self.store.now().await?;
        let counts = self.store.counts(QUEUES).await?;
        let created = TimeRange { from: Some(ago(at, SPAN)), before: None };
        let recent = TaskFilter { created, ..TaskFilter::default() };
        let workers = self.store.known_workers(ago(at, ALIVE), limits::PAGE).await?;
        Ok(Stats {
            at,
            counts,
            submitted_last_minute: self.store.count_tasks(&recent, limits::COUNT).await?,
            workers: workers.len() as u64,
            slots: workers.iter().map(|worker| u64::from(worker.record.slots)).sum(),
        })
    }

    /// Workers that were heard of within a time, the latest first; at most [`limits::PAGE`].
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn workers(&self, within: Duration) -> Result<Vec<KnownWorker>> {
        let now = self.store.now().await?;
        Ok(self.store.known_workers(ago(now, within), limits::PAGE).await?)
    }

    /// What happened to any task behind a place in the log, as far as no transaction that is under way can add to it: up to
    /// `limit` commits' worth. To follow the log, ask again with the cursor of the last event; [`EventCursor::START`] begins
    /// at its beginning, [`Engine::end_of_events`] at its end.
    ///
    /// Events of one task come in their order; whoever goes on from a cursor misses none, in whatever order transactions
    /// commit.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn events_after(&self, after: EventCursor, limit: u32) -> Result<Vec<Followed>> {
        // The commits that the cursor stands in are read once more, so that a page must have room for them.
        Ok(self.store.all_events(after, limit.clamp(16, limits::PAGE)).await?)
    }

    /// Where the log of all tasks ends for now.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn end_of_events(&self) -> Result<EventCursor> {
        Ok(self.store.end_of_events().await?)
    }

    /// Tells when this process writes to the log.
    #[must_use]
    pub fn watch_events(&self) -> EventWatch {
        self.wakeups.watch_events()
    }

    /// How many tasks pass the filter, counted up to [`limits::COUNT`].
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn count(&self, filter: &TaskFilter) -> Result<u64> {
        Ok(self.store.count_tasks(filter, limits::COUNT).await?)
    }
}

fn ago(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp::from_micros(now.as_micros() - i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}
