//! One file for each command. Each reads its arguments, asks the engine, and answers through [`Output`].

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod openapi;
mod pace;
mod reference;
pub(crate) mod relay;
pub(crate) mod retention;
pub(crate) mod schema;
pub(crate) mod server;
pub(crate) mod stats;
pub(crate) mod task;
pub(crate) mod template;
pub(crate) mod webhook;
pub(crate) mod worker;

use tokio::runtime::Builder;
use tracing_subscriber::EnvFilter;

use crate::{
    args::{Command, Invocation},
    database,
    failure::{Exit, Failure, Result},
    output::Output,
    settings::Settings,
};

/// Carries out a command line.
pub(crate) fn run(invocation: Invocation, output: &Output) -> Result<Exit> {
    let settings = Settings::load(&invocation.global)?;
    log_to_stderr(&settings.log, settings.log_format.as_deref())?;
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(
            "no_threads",
            "no threads can be started",
            "free memory or raise the limit of processes, then try again",
        )
        .with_cause(error)
    })?;
    let ended = runtime.block_on(async {
        let ended = dispatch(invocation.command, &settings, output).await;
        database::close_all().await;
        ended
    });
    // Threads that are stuck in a handler, or in a database that does not answer, do not keep the process.
    runtime.shutdown_background();
    ended
}

async fn dispatch(command: Command, settings: &Settings, output: &Output) -> Result<Exit> {
    match command {
        Command::Demo(demo) => demo.run(settings, output).await,
        Command::Dev(dev) => dev.run(settings, output).await,
        Command::Template(template) => template.run(settings, output).await,
        Command::Task(task) => task.run(settings, output).await,
        Command::Migrate(migrate) => migrate.run(settings, output).await,
        Command::Bench(bench) => bench.run(settings, output).await,
        Command::Worker(worker) => worker.run(settings, output).await,
        Command::Stats(stats) => stats.run(settings, output).await,
        Command::Doctor(doctor) => doctor.run(settings, output).await,
        Command::Relay(relay) => relay.run(settings, output).await,
        Command::Events(events) => events.run(settings, output).await,
        Command::Retention(retention) => retention.run(settings, output).await,
        Command::Key(key) => key.run(settings, output).await,
        Command::Webhook(webhook) => webhook.run(settings, output).await,
        Command::Explain(explain) => explain.run(output),
        Command::Server(server) => server.run(settings, output).await,
        Command::OpenApi(openapi) => Ok(openapi.run()),
        Command::Schema(schema) => Ok(schema.run(output)),
        Command::Completions(completions) => Ok(completions.run()),
    }
}

fn log_to_stderr(filter: &str, format: Option<&str>) -> Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        let remedy = "write error, warn, info, debug, trace, or a filter such as tasker_core=debug";
        Failure::usage(format!("`{filter}` is no filter for the log"), remedy).with_cause(error)
    })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        None | Some("human") => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            subscriber.with_ansi(is_terminal && std::env::var_os("NO_COLOR").is_none()).init();
        }
        Some("json") => subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).init(),
        Some(other) => {
            let remedy = "set TASKER_LOG_FORMAT to human or json, or leave it out";
            return Err(Failure::usage(format!("`{other}` is no format for the log"), remedy));
        }
    }
    Ok(())
}
