//! `tasker events`: what happens, as it happens.

use clap::{Args, Subcommand};
use tasker_worker::client::{EventQuery, EventView};

use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    stop::Stop,
    style::Tone,
};

/// Follow what happens to all tasks
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    Tail(Tail),
}

/// Follow the log of all tasks
///
///   tasker events tail --type 'step.failed' --type 'task.*'
///   tasker events tail --type order.paid -o json      a domain event, one document a line
///   tasker events tail --subscription mailer          goes on where it stopped, whatever happened between
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Tail {
    /// Only events of these types: step.failed, task.*, or the name of a domain event; repeat it, or separate with commas
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only events of tasks of this template
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Begin behind the event with this cursor, or at the beginning of the log with `start` [default: its end]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Go on where this name is done, and be done with what was printed
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// End after so many events
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
}

impl Events {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let Self::Tail(tail) = self;
        tail.run(settings, output).await
    }
}

impl Tail {
    async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let mut stop = Stop::listen()?;
        let query = EventQuery {
            after: self.after,
            subscription: self.subscription,
            namespace: settings.namespace.clone(),
            name: self.template,
            types: self.types,
            ..EventQuery::default()
        };
        let mut subscription = reach::client(settings).await?.subscribe(query);
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            let event = tokio::select! {
                event = subscription.next() => event?,
                () = stop.requested() => {
                    output.break_line();
                    break;
                }
            };
            output.json_line(&event);
            output.line(&line(&event, output));
            left -= 1;
        }
        subscription.done().await?;
        Ok(Exit::Complete)
    }
}

fn line(event: &EventView, output: &Output) -> String {
    let kind = event.domain_name().unwrap_or(&event.kind);
    let step = event.step.as_deref().map(|step| format!(" {step}")).unwrap_or_default();
    let at = output.paint(&event.at.to_string(), Tone::Dim);
    let task = output.paint(&format!("{}/{} {}", event.namespace, event.name, event.task_uuid), Tone::Dim);
    let error = event.error.as_ref().map(|error| format!("  {}: {}", error.code, error.message)).unwrap_or_default();
    let tone = if event.error.is_some() { Tone::Bad } else { Tone::Bold };
    format!("{at}  {}{step}  {task}{error}", output.paint(kind, tone))
}
