use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::Timestamp,
    orchestration::{Engine, Result, age_ms},
};

/// How much there is of what, and how fast it moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct StatsView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Tasks by state; a state without tasks is left out.
    pub tasks: BTreeMap<String, u64>,
    /// Whether `complete` is an estimate, and every other state counted up to 100,000: so it is for more than 50,000 tasks.
    #[serde(default)]
    pub is_estimated: bool,
    /// Steps that wait for a worker, the deepest queues first; each counted up to 100,000.
    pub queues: Vec<QueueView>,
    /// Attempts under a lease.
    pub running: u64,
    /// Steps that wait for the time of their next attempt.
    pub delayed: u64,
    /// Tasks submitted in the last minute, counted up to 100,000.
    pub submitted_last_minute: u64,
    /// Workers that were heard of lately.
    pub workers: u64,
    /// Attempts that these could run at the same time.
    pub slots: u64,
}

/// The steps that stand in a queue for one handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct QueueView {
    pub queue: String,
    pub handler: String,
    pub steps: u64,
    /// Milliseconds since the oldest task among them was submitted.
    pub oldest_age_ms: u64,
}

impl StatsView {
    /// # Errors
    /// As [`Engine::stats`].
    pub async fn load(engine: &Engine) -> Result<Self> {
        let stats = engine.stats().await?;
        let counts = stats.counts;
        let queues = counts.queues.into_iter().map(|depth| QueueView {
            queue: depth.queue,
            handler: depth.handler,
            steps: depth.steps,
            oldest_age_ms: age_ms(depth.oldest, stats.at),
        });
        Ok(Self {
            at: stats.at,
            tasks: counts.tasks.into_iter().map(|(state, tasks)| (state.to_owned(), tasks)).collect(),
            is_estimated: counts.is_estimated,
            queues: queues.collect(),
            running: counts.running,
            delayed: counts.delayed,
            submitted_last_minute: stats.submitted_last_minute,
            workers: stats.workers,
            slots: stats.slots,
        })
    }
}
