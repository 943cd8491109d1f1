//! `tasker dev`: a worker on a store or a server, templates that follow their files, and a line for everything that happens.

mod feed;
mod folder;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use serde_json::json;
use tasker_core::{
    events::{NatsOptions, NatsWakeups},
    orchestration::Options,
    template,
};
use tasker_worker::{Client, Worker, worker::WorkerBuilder};
use tokio::time::sleep;

use self::{feed::Feed, folder::Folder};
use super::{
    pace::example_handlers,
    template::{Source, register},
};
use crate::{
    database,
    failure::{Exit, Failure, Result, plural},
    output::Output,
    reach,
    settings::Settings,
    span,
    stop::Stop,
    style::Tone,
};

/// Run a worker with the example handlers, and register templates as they change
///
/// The database is migrated first; without --store it is the file tasker.db in the current folder. With --api the worker joins
/// a server and needs no way to the database. Ctrl-C lets running steps end; a second one stops at once.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The folder (or file) of templates to register and to watch [env: TASKER_TEMPLATE_PATH] [default: the examples' own]
    #[arg(long, value_name = "PATH")]
    templates: Option<PathBuf>,
    /// Attempts at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    slots: u16,
    /// How long a worker that went silent keeps a step [default: 30s; with --api, as long as the server says]
    #[arg(long, value_name = "TIME", value_parser = span::parse_lease)]
    lease: Option<Duration>,
    /// How long every step rests first, to be watched
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = span::parse)]
    pace: Duration,
    /// How long running steps have to end after Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span::parse)]
    grace: Duration,
}

const LOOK_FOR_WORK: Duration = Duration::from_millis(200);

impl Dev {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let mut stop = Stop::listen()?;
        let path = self.templates.as_ref().or(settings.template_path.as_ref());
        let mut folder = path.map(|path| Folder::open(path)).transpose()?;
        let (builder, client) = self.place(settings).await?;
        let sources = folder.as_mut().map_or_else(|| Ok(example_sources()), Folder::changed)?;
        let mut feed = Feed::new(client.clone(), settings.namespace.clone(), *output).await?;
        let worker = self.start(builder, settings).await?;
        tell_start(&client, &worker, path, output);
        register_all(&sources, &worker, output).await;
        loop {
            tokio::select! {
                () = stop.requested() => break,
                () = changed(folder.as_mut()) => {
                    match folder.as_mut().map_or_else(|| Ok(Vec::new()), Folder::changed) {
                        Ok(sources) => register_all(&sources, &worker, output).await,
                        Err(failure) => output.failure(&failure),
                    }
                }
                () = sleep(feed.pause()) => feed.look().await,
            }
        }
        self.drain(&worker, &mut feed, &mut stop, output).await?;
        Ok(Exit::Complete)
    }

    /// What begins a worker and what asks for it: of a server, or of an engine in this process.
    async fn place(&self, settings: &Settings) -> Result<(WorkerBuilder, Client)> {
        let Some(url) = reach::server(settings)? else {
            let options = database::options(settings);
            let options = Options { lease: self.lease.unwrap_or(options.lease), ..options };
            let engine = database::migrated_engine(settings.store_url(), options).await?;
            if let Some(url) = &settings.nats {
                engine.carry_wakeups(Arc::new(NatsWakeups::new(&NatsOptions::at(url))?));
            }
            return Ok((Worker::builder(Arc::clone(&engine)), Client::embedded(engine)));
        };
        if self.lease.is_some() {
            return Err(Failure::usage(
                "the leases of a server's workers are the server's",
                "leave out --lease, or give it to `tasker server`",
            ));
        }
        Ok((Worker::builder(url), reach::client(settings).await?))
    }

    async fn start(&self, worker: WorkerBuilder, settings: &Settings) -> Result<Worker> {
        let worker = settings.api_key.iter().fold(worker, |worker, key| worker.api_key(key));
        let worker = worker.handlers(example_handlers(self.pace)).slots(self.slots.into());
        // Tasks come from other processes, whose wake-ups reach this one only where the database carries them.
        let worker = worker.poll_interval_max(LOOK_FOR_WORK);
        let worker = settings.namespace.iter().fold(worker, |worker, name| worker.namespace(name));
        Ok(worker.start().await?)
    }

    async fn drain(&self, worker: &Worker, feed: &mut Feed, stop: &mut Stop, output: &Output) -> Result<()> {
        output.break_line();
        let running = worker.stats().running;
        if running > 0 {
            let text = format!("waiting for {running} running step{}; Ctrl-C again stops at once", plural(running));
            output.note(&text);
        }
        output.json_line(&json!({"type": "worker.draining", "running": running}));
        let drained = tokio::select! {
            drained = worker.shutdown(self.grace) => drained,
            () = stop.requested() => {
                output.break_line();
                let message = format!("stopped with {running} running step{}", plural(running));
                let remedy = "they run again when their leases end, on any worker";
                return Err(Failure::new("interrupted", message, remedy).with_exit(Exit::Interrupted));
            }
        };
        feed.look().await;
        output.json_line(
            &json!({"type": "worker.stopped", "abandoned": drained.abandoned, "undelivered": drained.undelivered}),
        );
        if drained.abandoned > 0 {
            output.note(&format!("{} did not end in time and will run again", drained.abandoned));
        }
        Ok(())
    }
}

/// Resolves when a template file has changed; never without a folder.
async fn changed(folder: Option<&mut Folder>) {
    match folder {
        Some(folder) => folder.wait().await,
        None => std::future::pending().await,
    }
}

async fn register_all(sources: &[Source], worker: &Worker, output: &Output) {
    let client = worker.client();
    for source in sources {
        match register(&client, source).await {
            Ok(registration) => {
                output.line(&registration.text(output));
                output.json_line(&json!({"type": "template.registered", "template": registration}));
                tell_missing_handlers(source, worker, output);
            }
            Err(failure) => output.failure(&failure),
        }
    }
}

/// Names the steps that would wait for ever, were this the only worker.
fn tell_missing_handlers(source: &Source, worker: &Worker, output: &Output) {
    let Ok(template) = template::parse(&source.text, &source.name) else { return };
    let handlers = &worker.runtime().worker().handlers;
    let is_missing = |callable: &str| !handlers.iter().any(|handler| handler == callable);
    let waiting = template.steps.iter().filter(|step| step.kind.has_handler() && is_missing(&step.handler.callable));
    for step in waiting {
        let callable = &step.handler.callable;
        output
            .note(&format!("{}: step `{}` waits for a worker with the handler `{callable}`", template.name, step.name));
    }
}

fn tell_start(client: &Client, worker: &Worker, path: Option<&PathBuf>, output: &Output) {
    let record = worker.runtime().worker();
    output.json_line(&json!({"type": "worker.started", "worker": record}));
    output.line(&format!(
        "{} {} handlers, {} slots  {}",
        output.paint("worker", Tone::Bold),
        record.handlers.len(),
        record.slots,
        output.paint(&client.describe(), Tone::Dim)
    ));
    match path {
        Some(path) => output.line(&format!("watching {}; Ctrl-C stops", path.display())),
        None => output.line("the examples' templates, since --templates names no folder; Ctrl-C stops"),
    }
}

fn example_sources() -> Vec<Source> {
    tasker_examples::templates().map(|(name, text)| Source { name: name.to_owned(), text: text.to_owned() }).collect()
}
