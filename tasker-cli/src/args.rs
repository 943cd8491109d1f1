//! The command line.

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, builder::styling};

use crate::{
    commands::{
        bench, completions, demo, dev, doctor, events, explain, key, migrate, openapi, relay, retention, schema,
        server, stats, task, template, webhook, worker,
    },
    failure::{Exit, Failure},
    output::{Format, Output},
};

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default())
    .placeholder(styling::AnsiColor::Cyan.on_default());

const OVERVIEW: &str = "\
{about}

{usage-heading} {usage}

See it work:
  demo         Run an example workflow and watch it
  dev          Run a worker with the example handlers, and register templates as they change

Templates and tasks:
  template     Check, show, draw, compare and register workflow templates
  task         Submit tasks, look at them, follow them, steer and repair them

Operate:
  server       Serve the REST API, and let workers join over HTTP
  worker       Look at the workers
  stats        Count tasks, queues and workers
  relay        Publish what happens to NATS, and look at how far that has come
  events       Follow what happens to all tasks
  webhook      Send what happens to an address, signed, and look at what came of it
  retention    Remove tasks that ended long ago
  key          Make, list and revoke API keys
  migrate      Bring the database's schema up to date
  bench        Measure the engine on a store

When something is wrong:
  doctor       Check what must hold in the database, and say what to do
  explain      Explain the code of an error: its cause, and what to do

For your tools:
  openapi      Print the OpenAPI document of the server
  schema       Print the JSON Schemas, for editors and generators
  completions  Print the completions of a shell

Options:
{options}{after-help}";

const EXAMPLES: &str = "\
Examples:
  tasker demo                                     watch an order being processed
  tasker template lint templates/                 every fault of every template, with its place
  tasker dev --templates templates/               a worker, and templates that follow the files
  tasker task submit shop/order --input @order.json --watch
  tasker task list --state error -o json
  tasker task list --api http://127.0.0.1:8080    the same from a server

Environment:
  DATABASE_URL          the store, as --store names it
  TASKER_API_URL        the server, as --api names it; it beats a store that is named in the same place
  TASKER_API_KEY        the key for the server
  TASKER_ENV            which `environments` of the templates apply
  TASKER_NAMESPACE      the namespace of names that are given without one
  TASKER_TEMPLATE_PATH  where templates are looked for
  TASKER_HTTP_ADDR      where the server listens
  NATS_URL              the NATS server that events are published to
  TASKER_API_KEY        the key for a server that asks for one
  TASKER_LOG            what is logged to stderr: error, warn, info, debug, trace (or a filter)
  TASKER_LOG_FORMAT     human, or json for one document a line
  NO_COLOR              no colours

A flag beats the environment, which beats tasker.toml in the current folder
(store = \"...\", api, environment, namespace, template_path, http_address, nats, log, log_format).

Exit codes: 0 complete, 1 error, 2 usage, 3 cancelled, 4 timeout, 130 Ctrl-C.";

/// Workflows that run to their end.
#[derive(Debug, Parser)]
#[command(name = "tasker", version, styles = STYLES, help_template = OVERVIEW, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, max_term_width = 120)]
pub(crate) struct Invocation {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Global {
    /// The store: postgres://user@host/database, sqlite:FILE or sqlite::memory: [env: DATABASE_URL] [default: sqlite:tasker.db]
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) store: Option<String>,
    /// A server to ask in place of a store: http://host:port; its key is TASKER_API_KEY [env: TASKER_API_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) api: Option<String>,
    /// How to answer: human, or json (JSON lines for what happens over time)
    #[arg(
        hide_possible_values = true,
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "human",
        help_heading = "Everywhere"
    )]
    pub(crate) output: Format,
    /// Which `environments` of the templates apply to tasks submitted here [env: TASKER_ENV]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) environment: Option<String>,
    /// The namespace of names given without one; lists show and `dev` serves only this one [env: TASKER_NAMESPACE]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) namespace: Option<String>,
    /// What is logged to stderr: error, warn, info, debug, trace, or a filter [env: TASKER_LOG] [default: warn]
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Everywhere")]
    pub(crate) log: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Dev(dev::Dev),
    #[command(subcommand)]
    Template(template::Template),
    #[command(subcommand)]
    Task(task::Task),
    Server(server::Server),
    Migrate(migrate::Migrate),
    Bench(bench::Bench),
    #[command(subcommand)]
    Worker(worker::Worker),
    Stats(stats::Stats),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Events(events::Events),
    #[command(subcommand)]
    Retention(retention::Retention),
    #[command(subcommand)]
    Relay(relay::Relay),
    #[command(subcommand)]
    Webhook(webhook::Command),
    Explain(explain::Explain),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

impl Invocation {
    pub(crate) fn output(&self) -> Output {
        Output::new(self.global.output)
    }
}

/// Reads the command line; help, version and faults are printed here.
pub(crate) fn parse() -> Result<Invocation, Exit> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let matches = command().try_get_matches_from(&words);
    matches.and_then(|matches| Invocation::from_arg_matches(&matches)).map_err(|error| refuse(&error, &words))
}

pub(crate) fn command() -> clap::Command {
    Invocation::command()
}

fn refuse(error: &clap::Error, words: &[OsString]) -> Exit {
    if !error.use_stderr() {
        // A reader that went away has seen what it wanted.
        let _ = error.print();
        return Exit::Complete;
    }
    if wants_json(words) {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Output::new(Format::Json).failure(&Failure::usage(message, "see `tasker --help`"));
    } else {
        let _ = error.print();
    }
    Exit::Usage
}

/// Whether faults of the command line, of which nothing can be parsed, are to be told as JSON.
fn wants_json(words: &[OsString]) -> bool {
    let glued = words.iter().any(|word| word == "-ojson" || word == "-o=json" || word == "--output=json");
    glued || words.windows(2).any(|pair| (pair[0] == "-o" || pair[0] == "--output") && pair[1] == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_overview_has_every_command() {
        for known in command().get_subcommands() {
            let line = format!("\n  {} ", known.get_name());
            assert!(OVERVIEW.contains(&line), "`{}` is not in the overview", known.get_name());
        }
    }
}
