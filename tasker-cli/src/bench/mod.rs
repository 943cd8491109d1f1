//! Measures the engine: engine, worker and load in this process, on a store of one's choice; the way of
//! events through a relay and NATS; or a server, from outside. Nothing is thrown away: the
//! history and the events of every task stay in the database.

mod api;
mod events;
mod idle;
mod load;
mod rig;
mod statistics;
mod workload;

use serde::Serialize;
use tasker_core::store::{Store, Usage};

pub(crate) use self::{
    api::{ApiMeasured, ApiPlan, measure_api},
    events::{EventsMeasured, EventsPlan, measure_events},
    idle::{Idle, measure_idle},
    statistics::Quantiles,
    workload::Workload,
};
use self::{load::Throughput, rig::Rig};
use crate::{database, failure::Result};

/// What to measure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    #[serde(skip)]
    pub(crate) url: String,
    pub(crate) workload: Workload,
    pub(crate) tasks: usize,
    pub(crate) latency_tasks: usize,
    pub(crate) workers: usize,
    /// Of each worker.
    pub(crate) slots: usize,
    /// Steps to finish before the measurement, for the history that there is to be.
    pub(crate) finished: usize,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) plan: Plan,
    pub(crate) store: String,
    pub(crate) steps_per_task: usize,
    pub(crate) latency: Latency,
    pub(crate) throughput: Saturated,
    /// The most that the process has had in memory; none where the system does not say.
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) version: &'static str,
    pub(crate) is_release: bool,
    pub(crate) cpus: usize,
}

/// One task at a time, on an engine that does nothing else.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) submit_ms: Quantiles,
    pub(crate) end_to_end_ms: Quantiles,
    #[serde(flatten)]
    pub(crate) cost: Option<Cost>,
}

/// All tasks as fast as they go.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Saturated {
    /// From the first submission to the last completion.
    pub(crate) seconds: f64,
    pub(crate) tasks_per_s: f64,
    pub(crate) steps_per_s: f64,
    #[serde(flatten)]
    pub(crate) cost: Option<Cost>,
}

/// What the database did for it, where it counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Cost {
    /// Transactions that wrote.
    pub(crate) commits_per_step: f64,
    /// All transactions, also those that only read.
    pub(crate) transactions_per_step: f64,
    pub(crate) wal_bytes_per_step: f64,
}

/// Carries a plan out; `tell` is told what is under way.
pub(crate) async fn measure(plan: Plan, tell: &dyn Fn(&str)) -> Result<Measured> {
    let steps_per_task = plan.workload.steps();
    let store = database::open(&plan.url).await?;
    store.migrate().await?;
    let name = store.describe();
    store.close().await;
    if plan.finished > 0 {
        tell(&format!("filling the database with {} finished steps", plan.finished));
        fill(&plan).await?;
    }
    tell(&format!("latency: {} tasks, one at a time", plan.latency_tasks));
    let (latency, cost) =
        metered(&plan, plan.latency_tasks, async |rig| rig.one_at_a_time(plan.latency_tasks).await).await?;
    let latency = Latency { submit_ms: latency.submit, end_to_end_ms: latency.end_to_end, cost };
    tell(&format!("throughput: {} tasks at once", plan.tasks));
    let (throughput, cost) = metered(&plan, plan.tasks, async |rig| rig.all_at_once(plan.tasks).await).await?;
    let Throughput { seconds } = throughput;
    let tasks = as_f64(plan.tasks);
    let saturated = Saturated {
        seconds,
        tasks_per_s: tasks / seconds,
        steps_per_s: tasks * as_f64(steps_per_task) / seconds,
        cost,
    };
    Ok(Measured {
        plan,
        store: name,
        steps_per_task,
        latency,
        throughput: saturated,
        peak_memory_bytes: peak_memory(),
        version: env!("CARGO_PKG_VERSION"),
        is_release: !cfg!(debug_assertions),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
    })
}

/// Finishes steps through the engine itself, in wide tasks since those go fastest: rows that were put in behind its back
/// would lack the events, and the dead versions that updates leave behind.
async fn fill(plan: &Plan) -> Result<()> {
    let workload = Workload::Fan100;
    let rig = Rig::start(&plan.url, workload, plan.workers, plan.slots).await?;
    rig.all_at_once(plan.finished.div_ceil(workload.steps())).await?;
    rig.stop().await;
    Ok(())
}

/// Measures on an engine of its own, with what the database counted meanwhile.
async fn metered<T>(plan: &Plan, tasks: usize, work: impl AsyncFnOnce(&Rig) -> Result<T>) -> Result<(T, Option<Cost>)> {
    let rig = Rig::start(&plan.url, plan.workload, plan.workers, plan.slots).await?;
    rig.warm_up().await?;
    let before = usage(&plan.url).await?;
    let measured = work(&rig).await?;
    // A connection counts its last transactions when it is closed.
    rig.stop().await;
    let after = usage(&plan.url).await?;
    let cost = before.zip(after).map(|(before, after)| Cost::between(before, after, tasks * plan.workload.steps()));
    Ok((measured, cost))
}

/// What the database has counted, once those who just left are counted too.
async fn usage(url: &str) -> Result<Option<Usage>> {
    let store = database::open(url).await?;
    let usage = settled(store.as_ref()).await?;
    store.close().await;
    Ok(usage)
}

async fn settled(store: &dyn Store) -> Result<Option<Usage>> {
    if store.usage().await?.is_none() {
        return Ok(None);
    }
    tokio::time::sleep(SETTLE).await;
    Ok(store.usage().await?)
}

/// Backends of connections that were closed end within milliseconds; background work of a moment ago, too.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(300);

impl Cost {
    fn between(before: Usage, after: Usage, steps: usize) -> Self {
        let per_step = |before: i64, after: i64| {
            let counted = u32::try_from((after - before).max(0)).map_or(f64::MAX, f64::from);
            counted / as_f64(steps)
        };
        Self {
            commits_per_step: per_step(before.commits, after.commits),
            transactions_per_step: per_step(before.transactions, after.transactions),
            wal_bytes_per_step: per_step(before.wal_bytes / 1_024, after.wal_bytes / 1_024) * 1_024.0,
        }
    }
}

/// Counts of tasks and steps are far below what a float holds exactly.
fn as_f64(count: usize) -> f64 {
    u32::try_from(count.max(1)).map_or(f64::MAX, f64::from)
}

#[cfg(target_os = "linux")]
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(not(target_os = "linux"))]
fn peak_memory() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_differences_by_step() {
        let before = Usage { commits: 100, transactions: 300, wal_bytes: 1_024_000 };
        let after = Usage { commits: 150, transactions: 500, wal_bytes: 1_024_000 + 102_400 };
        let cost = Cost::between(before, after, 50);
        assert_eq!(cost, Cost { commits_per_step: 1.0, transactions_per_step: 4.0, wal_bytes_per_step: 2_048.0 });
    }
}
