use std::time::Duration;

use clap::Args;
use tasker_worker::client::{SubmitTask, SubmittedView};

use super::{ended, input, shown, wait::FOR_EVER};
use crate::{
    commands::reference::Reference,
    failure::{Exit, Result},
    follow::follow,
    output::Output,
    reach,
    settings::Settings,
    span,
    style::Tone,
};

/// Submit a task
///
///   tasker task submit shop/order --input '{"sku": "TEA-100"}'
///   tasker task submit shop/order@1.2.0 --input @order.json --set customer.name=Ada --watch
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Submit {
    /// The template: namespace/name[@version]; the highest version if none is named
    template: String,
    /// The input: JSON, @FILE, or - for standard input
    #[arg(short, long, value_name = "JSON")]
    input: Option<String>,
    /// Put a value into the input; a dot leads into objects and lists
    #[arg(short, long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Higher goes first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i16,
    /// A word to find the task by; may be repeated
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// A second submission with the same key answers with the task of the first
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// What else belongs to the same matter
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// The trace that it belongs to (W3C Trace Context); handlers are given it
    #[arg(long, value_name = "HEADER", env = "TRACEPARENT")]
    traceparent: Option<String>,
    /// Who wants it
    #[arg(long, value_name = "NAME")]
    initiator: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait for the end, and show it
    #[arg(long)]
    wait: bool,
    /// Follow it to the end; Ctrl-C leaves it running
    #[arg(long, conflicts_with = "wait")]
    watch: bool,
    /// Wait or watch no longer than this: 500ms, 30s, 2m, 1h
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    timeout: Option<Duration>,
}

impl Submit {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let (wait, watch, timeout) = (self.wait, self.watch, self.timeout);
        let request = self.request(settings)?;
        let client = reach::client(settings).await?;
        let submitted = client.submit(request).await?;
        if watch {
            output.json_line(&submitted);
            tell_if_old(&submitted, output);
            return ended(&follow(&client, submitted.task_uuid, timeout, output).await?);
        }
        if wait {
            let task = client.wait(submitted.task_uuid, timeout.unwrap_or(FOR_EVER)).await?;
            shown(&client, &task, output).await?;
            tell_if_old(&submitted, output);
            return ended(&task);
        }
        output.either(&submitted, || submitted.task_uuid.to_string());
        tell_if_old(&submitted, output);
        Ok(Exit::Complete)
    }

    fn request(self, settings: &Settings) -> Result<SubmitTask> {
        let Reference { namespace, name, version } = Reference::parse(&self.template, settings)?;
        let context = input::read(self.input.as_deref(), &self.set)?;
        Ok(SubmitTask {
            version,
            priority: self.priority,
            initiator: self.initiator,
            source_system: Some("tasker-cli".to_owned()),
            reason: self.reason,
            tags: self.tag,
            correlation_id: self.correlation_id,
            idempotency_key: self.idempotency_key,
            traceparent: self.traceparent,
            ..SubmitTask::new(namespace, name, context)
        })
    }
}

fn tell_if_old(submitted: &SubmittedView, output: &Output) {
    if !submitted.is_new {
        let id = output.paint(&submitted.task_uuid.to_string(), Tone::Bold);
        output.note(&format!("the idempotency key belongs to task {id}; nothing new was submitted"));
    }
}
