//! `tasker worker`: the processes that run handlers.

use clap::{Args, Subcommand};
use serde_json::json;
use tasker_core::model::Timestamp;
use tasker_worker::client::WorkerView;

use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    span,
    style::Tone,
    table::Table,
};

/// Look at the workers
#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    List(List),
}

/// List the workers that were heard of in the last quarter of an hour
#[derive(Debug, Args)]
pub(crate) struct List {}

impl Worker {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let Self::List(List {}) = self;
        let client = reach::client(settings).await?;
        let workers = client.workers().await?;
        if output.is_json() {
            output.document(&json!({"items": workers}));
            return Ok(Exit::Complete);
        }
        if workers.is_empty() {
            output.note("no worker was heard of: `tasker dev` runs one with the example handlers");
        }
        table(&workers, client.now().await?).print(output);
        Ok(Exit::Complete)
    }
}

fn table(workers: &[WorkerView], now: Timestamp) -> Table {
    let mut table =
        Table::new(&["WORKER", "LANGUAGE", "HOST", ">PID", ">SLOTS", ">SEEN", ">WORKED", "QUEUES", "HANDLERS"]);
    for worker in workers {
        let ago = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| format!("{} ago", span::show(now.since(at))));
        let queues = if worker.queues.is_empty() { "all".to_owned() } else { worker.queues.join(", ") };
        table.row([
            (worker.worker_id.to_string(), Tone::Plain),
            (worker.language.clone(), Tone::Plain),
            (worker.host.clone(), Tone::Plain),
            (worker.pid.to_string(), Tone::Plain),
            (worker.slots.to_string(), Tone::Plain),
            (ago(worker.last_seen_at), Tone::Plain),
            (ago(worker.last_work_at), Tone::Plain),
            (queues, Tone::Plain),
            (worker.handlers.join(", "), Tone::Dim),
        ]);
    }
    table
}
