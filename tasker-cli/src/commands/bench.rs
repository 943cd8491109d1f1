use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use serde_json::json;
use tasker_core::events::NatsOptions;
use tempfile::TempDir;

use crate::{
    bench::{
        ApiMeasured, ApiPlan, Cost, EventsMeasured, EventsPlan, Idle, Measured, Plan, Quantiles, Workload, measure,
        measure_api, measure_events, measure_idle,
    },
    failure::{Exit, Failure, Result},
    output::Output,
    settings::Settings,
    span,
    style::Tone,
};

/// Measure the engine on a store
///
/// Engine, worker and load are in this process; the handlers do nothing. Without --store it is a SQLite file in a folder
/// that is removed afterwards; in a database that --store names, the tasks stay (namespace tasker_bench).
///
/// With --api a server is measured from outside: times and rates of submissions, and of tasks that a worker in this process
/// runs, over HTTP or, where --store names the server's database, on that.
///
/// With --events the way of events is measured, through a relay and the NATS server that --nats names to a subscriber: how many a
/// second, how late, and how much steps are slowed beside the relay. Take a NATS server of its own: the stream stays there.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Connections for single submissions, with --api
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    connections: u16,
    /// The shape of the tasks
    #[arg(long, value_enum, default_value = "diamond")]
    workload: Workload,
    /// Tasks for the throughput; by default about 20,000 steps
    #[arg(long, value_name = "N", value_parser = count)]
    tasks: Option<usize>,
    /// Tasks for the latency, run one at a time; by default 200, and fewer of those with many steps
    #[arg(long, value_name = "N", value_parser = count)]
    latency_tasks: Option<usize>,
    /// Workers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// Attempts at the same time, of each worker
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    slots: u16,
    /// Finish this many steps first, to measure with a history
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    finished: usize,
    /// Leave the workers idle for so long, each as in a process of its own, and count what they ask the database: 60s
    #[arg(long, value_name = "TIME", value_parser = span::parse, conflicts_with_all = ["workload", "tasks", "finished"])]
    idle: Option<Duration>,
    /// Measure the way of events through a relay and NATS
    #[arg(long, conflicts_with_all = ["finished", "idle"])]
    events: bool,
    /// The NATS server with JetStream, with --events: nats://127.0.0.1:4222
    #[arg(long, value_name = "URL", requires = "events")]
    nats: Option<String>,
    /// Events in a second that the relay beside the steps carries at most, with --events [default: no bound]
    #[arg(long, value_name = "EVENTS", requires = "events", value_parser = clap::value_parser!(u32).range(1..))]
    nats_max_rate: Option<u32>,
    /// Times that steps are measured without a relay and beside one, with --events
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
}

impl Bench {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        if cfg!(debug_assertions) {
            output.note("a build without optimisation: these figures say little (use cargo build --release)");
        }
        if let Some(time) = self.idle {
            let url = settings.store_flag.as_deref().unwrap_or("sqlite::memory:");
            let idle = measure_idle(url, self.workers.into(), time, &|text| output.note(text)).await?;
            output.either(&json!(idle), || {
                let Idle { workers, transactions_per_s, .. } = idle;
                format!("{workers} idle workers: {transactions_per_s:.2} transactions/s")
            });
            return Ok(Exit::Complete);
        }
        match &settings.api_flag {
            Some(_) if self.events => {
                let remedy = "name the database with --store, or leave --api out";
                Err(Failure::usage("the way of events is measured on a database, not through a server", remedy))
            }
            Some(api) => self.run_api(api.clone(), settings, output).await,
            None if self.events => self.run_events(settings, output).await,
            None => self.run_engine(settings, output).await,
        }
    }

    async fn run_api(&self, api: String, settings: &Settings, output: &Output) -> Result<Exit> {
        let plan = ApiPlan {
            api,
            key: settings.api_key.clone(),
            store: settings.store_flag.clone(),
            tasks: self.tasks.unwrap_or(20_000),
            latency_tasks: self.latency_tasks.unwrap_or(200),
            connections: self.connections.into(),
            slots: self.slots.into(),
        };
        let measured = measure_api(plan, &|text| output.note(text)).await?;
        output.either(&json!(measured), || api_table(&measured, output));
        Ok(Exit::Complete)
    }

    async fn run_events(self, settings: &Settings, output: &Output) -> Result<Exit> {
        // Only the command line, as for the store.
        let Some(nats) = self.nats.clone() else {
            let remedy = "start nats-server --jetstream, and name it: --nats nats://127.0.0.1:4222";
            return Err(Failure::usage("--events needs a NATS server to publish to", remedy));
        };
        let place = Place::of(settings)?;
        let steps = self.workload.steps();
        let plan = EventsPlan {
            url: place.url.clone(),
            nats: NatsOptions::at(nats),
            workload: self.workload,
            tasks: self.tasks.unwrap_or((20_000 / steps).max(5)),
            latency_tasks: self.latency_tasks.unwrap_or((4_000 / steps).clamp(5, 200)),
            workers: self.workers.into(),
            slots: self.slots.into(),
            max_rate: self.nats_max_rate.and_then(NonZeroU32::new),
            rounds: self.rounds.into(),
        };
        let mut measured = measure_events(plan, &|text| output.note(text)).await?;
        measured.store = place.named(measured.store);
        output.either(&json!(measured), || events_table(&measured, output));
        Ok(Exit::Complete)
    }

    async fn run_engine(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let place = Place::of(settings)?;
        let steps = self.workload.steps();
        let plan = Plan {
            tasks: self.tasks.unwrap_or((20_000 / steps).max(5)),
            latency_tasks: self.latency_tasks.unwrap_or((4_000 / steps).clamp(5, 200)),
            url: place.url.clone(),
            workload: self.workload,
            workers: self.workers.into(),
            slots: self.slots.into(),
            finished: self.finished,
        };
        let mut measured = measure(plan, &|text| output.note(text)).await?;
        measured.store = place.named(measured.store);
        output.either(&json!(measured), || table(&measured, output));
        Ok(Exit::Complete)
    }
}

/// The database that is measured.
struct Place {
    url: String,
    /// Where it is, if it is to be removed afterwards.
    folder: Option<TempDir>,
}

impl Place {
    fn of(settings: &Settings) -> Result<Self> {
        // Only the command line: what a DATABASE_URL means is not to be filled with load by accident.
        if let Some(url) = settings.store_flag.clone() {
            if url.contains(":memory:") {
                let remedy = "name a file, or leave --store out";
                let message = "a database in memory ends with its connection, and every phase has its own";
                return Err(Failure::usage(message, remedy));
            }
            return Ok(Self { url, folder: None });
        }
        let folder = tempfile::tempdir().map_err(|error| {
            Failure::new("no_folder", "no temporary folder can be made", "set TMPDIR to a folder that is writable")
                .with_cause(error)
        })?;
        let url = format!("sqlite:{}", folder.path().join("bench.db").display());
        Ok(Self { url, folder: Some(folder) })
    }

    /// What people are told of it.
    fn named(&self, name: String) -> String {
        if self.folder.is_some() { "sqlite, temporary file".to_owned() } else { name }
    }
}

fn events_table(measured: &EventsMeasured, output: &Output) -> String {
    let EventsMeasured { plan, backlog, latency, beside, .. } = measured;
    let heading = format!("events of {} tasks of {}", plan.tasks, plan.workload.name());
    let rows = [
        ("backlog", format!("{:.0} events/s, {} in {:.2} s", backlog.events_per_s, backlog.events, backlog.seconds)),
        ("latency", quantiles(latency.event_ms)),
        ("steps alone", format!("{:.0} steps/s", beside.steps_per_s_alone)),
        ("beside it", format!("{:.0} steps/s, {:.0} % fewer", beside.steps_per_s, beside.slowed_percent)),
        ("", format!("{:.0} events/s meanwhile", beside.events_per_s)),
    ];
    let lines =
        rows.map(|(name, value)| format!("  {}  {value}", output.paint(&format!("{name:11}"), Tone::Dim))).join("\n");
    let store = output.paint(&measured.store, Tone::Dim);
    format!("{}\n{store}\n{lines}", output.paint(&heading, Tone::Bold))
}

fn api_table(measured: &ApiMeasured, output: &Output) -> String {
    let ApiMeasured { plan, worker, .. } = measured;
    let rows = [
        ("submit", quantiles(measured.submit_ms)),
        ("", format!("{:.0} tasks/s, one each over {} connections", measured.submissions_per_s, plan.connections)),
        ("linear of 4", quantiles(measured.linear4_ms)),
        ("bulk", format!("{:.0} one-step tasks/s", measured.bulk_tasks_per_s)),
    ];
    let lines =
        rows.map(|(name, value)| format!("  {}  {value}", output.paint(&format!("{name:11}"), Tone::Dim))).join("\n");
    let heading = output.paint(&format!("{}, worker over {worker}, {} slots", plan.api, plan.slots), Tone::Bold);
    format!("{heading}\n{lines}")
}

fn table(measured: &Measured, output: &Output) -> String {
    let Measured { plan, latency, throughput, .. } = measured;
    let heading = format!(
        "{}: {} tasks of {} step{}, {} worker{} with {} slots",
        plan.workload.name(),
        plan.tasks,
        measured.steps_per_task,
        crate::failure::plural(measured.steps_per_task),
        plan.workers,
        crate::failure::plural(plan.workers),
        plan.slots
    );
    let mut rows = vec![
        ("throughput", format!("{:.0} tasks/s", throughput.tasks_per_s)),
        ("", format!("{:.0} steps/s", throughput.steps_per_s)),
        ("", format!("{:.2} s", throughput.seconds)),
    ];
    rows.extend(throughput.cost.iter().flat_map(costs));
    rows.push(("submit", quantiles(latency.submit_ms)));
    rows.push(("end to end", quantiles(latency.end_to_end_ms)));
    rows.extend(latency.cost.iter().flat_map(costs));
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    rows.extend(measured.peak_memory_bytes.map(|bytes| ("peak memory", format!("{:.1} MB", bytes as f64 / 1e6))));
    let lines =
        rows.into_iter().map(|(name, value)| format!("  {}  {value}", output.paint(&format!("{name:11}"), Tone::Dim)));
    let store = output.paint(&measured.store, Tone::Dim);
    format!("{}\n{store}\n{}", output.paint(&heading, Tone::Bold), lines.collect::<Vec<_>>().join("\n"))
}

fn costs(cost: &Cost) -> [(&'static str, String); 3] {
    [
        ("", format!("{:.3} commits/step", cost.commits_per_step)),
        ("", format!("{:.3} transactions/step, reading ones included", cost.transactions_per_step)),
        ("", format!("{:.0} bytes of WAL/step", cost.wal_bytes_per_step)),
    ]
}

fn quantiles(of: Quantiles) -> String {
    format!("p50 {:.2} ms   p95 {:.2} ms   p99 {:.2} ms", of.p50, of.p95, of.p99)
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=10_000_000).contains(&count) => Ok(count),
        _ => Err("write a number from 1 to 10000000".to_owned()),
    }
}
