use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use super::{as_f64, rig::Rig, usage, workload::Workload};
use crate::failure::{Failure, Result};

/// What workers that have nothing to do ask of the database.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) workers: usize,
    pub(crate) seconds: f64,
    pub(crate) transactions_per_s: f64,
}

/// How long workers take until they ask as rarely as they ever do.
const SETTLE: Duration = Duration::from_secs(45);

/// Counts the transactions of workers, each with an engine and connections of its own as in a process of its own, while they have
/// nothing to do for so long.
pub(crate) async fn measure_idle(url: &str, workers: usize, time: Duration, tell: &dyn Fn(&str)) -> Result<Idle> {
    let uncounted =
        || Failure::usage("this database does not count its transactions", "name a PostgreSQL with --store");
    usage(url).await?.ok_or_else(uncounted)?;
    let mut rigs = Vec::with_capacity(workers);
    for _ in 0..workers {
        rigs.push(Rig::start(url, Workload::Single, 1, 1).await?);
    }
    tell(&format!("{workers} idle workers: {} s to settle, {} s to count", SETTLE.as_secs(), time.as_secs()));
    sleep(SETTLE).await;
    let before = usage(url).await?.ok_or_else(uncounted)?;
    sleep(time).await;
    let after = usage(url).await?.ok_or_else(uncounted)?;
    for rig in rigs {
        rig.stop().await;
    }
    let transactions = usize::try_from(after.transactions - before.transactions).unwrap_or(0);
    let seconds = time.as_secs_f64();
    Ok(Idle { workers, seconds, transactions_per_s: as_f64(transactions) / seconds })
}
