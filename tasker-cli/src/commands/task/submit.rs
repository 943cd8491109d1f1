use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tasker_core::{
    model::{Task, TaskId},
    orchestration::{Engine, SubmitTask},
};

use super::{TaskDocument, ended, input};
use crate::{
    commands::reference::Reference,
    database,
    failure::{Exit, Result},
    follow::follow,
    output::{Output, write_out},
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

/// The answer to a submission; with --wait, the task at its end.
#[derive(Serialize)]
struct Submitted {
    task_id: TaskId,
    is_new: bool,
    #[serde(flatten)]
    end: Option<TaskDocument>,
}

/// With no --timeout it is waited for as long as it takes.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Submit {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let (wait, watch, timeout) = (self.wait, self.watch, self.timeout);
        let request = self.request(settings)?;
        let engine = database::engine(settings).await?;
        let submitted = engine.submit(request).await?;
        let answer = Submitted { task_id: submitted.task_id, is_new: submitted.is_new, end: None };
        if watch {
            output.json_line(&answer);
            tell_if_old(&answer, output);
            return ended(&follow(&engine, answer.task_id, timeout, output).await?);
        }
        if wait {
            engine.wait(answer.task_id, timeout.unwrap_or(FOR_EVER)).await?;
            return show_end(&engine, answer, output).await;
        }
        output.either(&answer, || answer.task_id.to_string());
        tell_if_old(&answer, output);
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
            ..SubmitTask::new(namespace, name, context)
        })
    }
}

async fn show_end(engine: &Engine, mut answer: Submitted, output: &Output) -> Result<Exit> {
    let end = TaskDocument::load(engine, answer.task_id).await?;
    let task: Task = end.task.clone();
    if output.is_json() {
        answer.end = Some(end);
        output.document(&answer);
    } else {
        write_out(&end.text(engine, output).await?);
        tell_if_old(&answer, output);
    }
    ended(&task)
}

fn tell_if_old(answer: &Submitted, output: &Output) {
    if !answer.is_new {
        let id = output.paint(&answer.task_id.to_string(), Tone::Bold);
        output.note(&format!("the idempotency key belongs to task {id}; nothing new was submitted"));
    }
}
