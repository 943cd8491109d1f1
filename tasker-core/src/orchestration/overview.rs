use std::time::{Duration, Instant};

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

/// Tasks that are counted one by one; of more, those that are complete are estimated.
const COUNTED: u64 = 50_000;
/// Counts are given again for this many times as long as it took to count, so that whoever asks, however often, takes a small part
/// of one connection's time.
const AGAIN: u32 = 20;

/// The last counts, when they were made, and for how long they are good.
pub(super) type StatsCache = tokio::sync::Mutex<Option<(Stats, Instant, Duration)>>;

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
    /// How many tasks are in each state, how deep and old the queues are, how fast tasks come in; as it was at `at`, a moment
    /// ago.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn stats(&self) -> Result<Stats> {
        // Who asks meanwhile waits for the same answer.
        let mut last = self.stats.lock().await;
        if let Some((stats, _, _)) = last.as_ref().filter(|(_, counted_at, good_for)| counted_at.elapsed() < *good_for)
        {
            return Ok(stats.clone());
        }
        let began = Instant::now();
        let stats = self.count_all().await?;
        *last = Some((stats.clone(), Instant::now(), began.elapsed() * AGAIN));
        Ok(stats)
    }

    pub(super) async fn count_all(&self) -> Result<Stats> {
        let at = self.store.now().await?;
        let counts = self.store.counts(QUEUES, COUNTED).await?;
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
