use std::collections::BTreeMap;

use serde::Serialize;

use super::{Engine, Result};
use crate::store::Oddity;

/// The newest tasks that are looked at.
const TASKS: u32 = 10_000;
/// Rows of one kind that are named.
const ROWS: u32 = 20;

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word to branch on.
    pub code: &'static str,
    pub what: String,
    /// Tasks and steps: ids, or an id and an index.
    pub places: Vec<String>,
    pub remedy: &'static str,
}

impl Engine {
    /// Checks what must always hold (the invariants of ARCHITECTURE.md) on the newest ten thousand tasks, and what is due
    /// on all. Nothing found means that it holds there.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let missing: Vec<_> = self.store.migrations().await?.into_iter().filter(|it| !it.is_applied).collect();
        if !missing.is_empty() {
            findings.push(Finding {
                code: "schema_outdated",
                what: format!("{} migrations are missing", missing.len()),
                places: missing.into_iter().map(|migration| migration.name).collect(),
                remedy: "run `tasker migrate`",
            });
            return Ok(findings);
        }
        let mut kinds: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for Oddity { check, task_id, step } in self.store.oddities(TASKS, ROWS).await? {
            let place = step.map_or_else(|| task_id.to_string(), |step| format!("{task_id}/{step}"));
            kinds.entry(check).or_default().push(place);
        }
        findings.extend(kinds.into_iter().map(|(check, places)| finding(check, places)));
        let served = self.count_all().await?;
        if served.workers == 0 && !served.counts.queues.is_empty() {
            let queues = served.counts.queues.iter().take(ROWS as usize);
            findings.push(Finding {
                code: "no_workers",
                what: "steps stand in queues and no worker is alive".to_owned(),
                places: queues.map(|queue| format!("{} {}", queue.queue, queue.handler)).collect(),
                remedy: "start a worker that serves them",
            });
        }
        Ok(findings)
    }
}

fn finding(check: &str, places: Vec<String>) -> Finding {
    const FAULT: &str =
        "this is a fault in Tasker, or something else wrote to the database: report it with the task's history";
    let (code, what, remedy) = match check {
        "find_stuck_tasks" => (
            "task_stuck",
            "open tasks with no step that could move them",
            "`tasker task retry` or `tasker task resolve` a step of each; report it, since nothing should be stuck",
        ),
        "find_wrong_counts" => ("counts_wrong", "tasks whose counters are not what their steps say", FAULT),
        "find_wrong_unmet" => ("unmet_wrong", "steps that wait for another number of steps than they should", FAULT),
        "find_gaps" => ("events_gap", "tasks whose events are not numbered without gaps", FAULT),
        _ => (
            "sweep_late",
            "leases, retries or timers that fell due more than a minute ago",
            "start a server or a worker on the database: each sweeps; if one runs, its log tells why the sweep fails",
        ),
    };
    Finding { code, what: what.to_owned(), places, remedy }
}
