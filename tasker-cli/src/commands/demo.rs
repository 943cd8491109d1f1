use std::{sync::Arc, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tasker_core::{
    model::{Json, TaskId},
    orchestration,
    template::{self, Template},
};
use tasker_examples::{EXAMPLES, Example};
use tasker_worker::{
    Client, Worker,
    client::{SubmitTask, TaskView},
};

use super::pace::example_handlers;
use crate::{
    database,
    failure::{Exit, Failure, Result, plural},
    follow::follow,
    output::Output,
    settings::Settings,
    span,
    style::Tone,
};

/// Run an example workflow and watch it
///
/// Engine, worker and database (SQLite, in a folder that is removed afterwards) are in this process.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Which example to run
    #[arg(long, value_name = "NAME", default_value = EXAMPLES[0].name)]
    workflow: String,
    /// List the examples instead
    #[arg(long)]
    list: bool,
    /// How long every step rests first, to be watched: 0 in a pipe, 200ms on a terminal
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pace: Option<Duration>,
}

const PACE: Duration = Duration::from_millis(200);
/// How long handlers may go on when the demo is over.
const GRACE: Duration = Duration::from_secs(1);

impl Demo {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        if self.list {
            return list(output);
        }
        let example = find(&self.workflow)?;
        let template = parse(example)?;
        let folder = tempfile::tempdir().map_err(|error| {
            Failure::new("no_folder", "no temporary folder can be made", "set TMPDIR to a folder that is writable")
                .with_cause(error)
        })?;
        // Only the command line: to a DATABASE_URL that means something else nothing is added by a demo.
        let in_folder = format!("sqlite:{}", folder.path().join("demo.db").display());
        let url = settings.store_flag.as_ref().unwrap_or(&in_folder);
        let engine = database::migrated_engine(url, database::options(settings)).await?;
        // All of them: one may run another.
        for example in EXAMPLES {
            engine.register(&parse(&example)?).await?;
        }
        let pace = self.pace.unwrap_or(if output.is_live() { PACE } else { Duration::ZERO });
        let worker = Worker::builder(Arc::clone(&engine)).handlers(example_handlers(pace)).start().await?;
        introduce(&template, pace, output);
        let ended = watch(&worker.client(), &template, example, output).await;
        worker.shutdown(GRACE).await;
        let task = ended?;
        show(&task, output);
        point_on(example, settings.store_flag.is_some().then_some(task.task_uuid), output);
        Failure::of_end(&task).map_or(Ok(Exit::Complete), Err)
    }
}

async fn watch(client: &Client, template: &Template, example: &Example, output: &Output) -> Result<TaskView> {
    let input = Json::parse(example.input.to_owned()).map_err(|error| broken(example, &error.to_string()))?;
    let request = SubmitTask::new(template.namespace.clone(), template.name.clone(), input);
    let submitted = client.submit(request).await?;
    // The stream of a pipe is people's; a program gets one document at the end.
    if output.is_json() {
        return Ok(client.wait(submitted.task_uuid, Duration::from_secs(60)).await?);
    }
    follow(client, submitted.task_uuid, None, output).await.map_err(|failure| match failure.exit {
        Exit::Interrupted => Failure::new("interrupted", "the demo was stopped", "`tasker demo` runs it again")
            .with_exit(Exit::Interrupted),
        _ => failure,
    })
}

/// The task for programs; for people, what the steps at its end returned.
fn show(task: &TaskView, output: &Output) {
    output.document(task);
    let steps = task.steps.as_deref().unwrap_or_default();
    let is_waited_for = |name: &String| steps.iter().any(|step| step.dependencies.contains(name));
    for step in steps.iter().filter(|step| !is_waited_for(&step.name)) {
        if let Some(result) = &step.results {
            output.line(&format!("\n{} returned", output.paint(&step.name, Tone::Bold)));
            output.line(&readable(&result.to_value(), 1));
        }
    }
}

fn introduce(template: &Template, pace: Duration, output: &Output) {
    let about = template.description.clone().unwrap_or_default();
    output.line(&format!("{}  {}", output.paint(&template.name, Tone::Bold), about.trim()));
    if !pace.is_zero() {
        let text = format!(
            "Each step rests for {} first, so that you can watch; --pace 0 runs at full speed.",
            span::show(pace)
        );
        output.line(&output.paint(&text, Tone::Dim));
    }
    output.line("");
}

fn point_on(example: &Example, kept: Option<TaskId>, output: &Output) {
    let other = EXAMPLES.iter().find(|other| other.name != example.name).map_or(example.name, |other| other.name);
    let mut next = vec![
        (format!("tasker demo --workflow {other}"), "another workflow; --list names them all"),
        ("tasker dev".to_owned(), "a worker that stays, for tasks that you submit"),
        ("tasker template lint FILE".to_owned(), "check a workflow of your own"),
        ("tasker --help".to_owned(), "everything else"),
    ];
    if let Some(task_id) = kept {
        next.insert(0, (format!("tasker task get {task_id} --store ..."), "this task, with every result"));
    }
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    output.line(&format!("\n{}", output.paint("Where to look next", Tone::Bold)));
    for (command, about) in next {
        output.line(&format!(
            "  {}  {}",
            output.paint(&format!("{command:width$}"), Tone::Busy),
            output.paint(about, Tone::Dim)
        ));
    }
}

fn list(output: &Output) -> Result<Exit> {
    let templates = EXAMPLES.iter().map(parse).collect::<Result<Vec<_>>>()?;
    let items = templates.iter().map(|template| {
        json!({"name": template.name, "namespace": template.namespace, "steps": template.steps.len(), "description": template.description})
    });
    output.document(&json!({"items": items.collect::<Vec<_>>()}));
    for template in &templates {
        let (steps, about) = (template.steps.len(), template.description.as_deref().unwrap_or_default());
        output.line(&format!(
            "{:20}  {steps:2} step{}  {}",
            template.name,
            plural(steps),
            output.paint(about.trim(), Tone::Dim)
        ));
    }
    Ok(Exit::Complete)
}

fn find(name: &str) -> Result<&'static Example> {
    EXAMPLES.iter().find(|example| example.name == name).ok_or_else(|| {
        let names: Vec<_> = EXAMPLES.iter().map(|example| example.name).collect();
        Failure::usage(format!("there is no example `{name}`"), format!("name one of {}", names.join(", ")))
    })
}

fn parse(example: &Example) -> Result<Template> {
    Ok(template::parse(example.template, example.name).map_err(orchestration::Error::from)?)
}

fn broken(example: &Example, reason: &str) -> Box<Failure> {
    Failure::new(
        "example_broken",
        format!("the input of the example `{}` is broken: {reason}", example.name),
        "please report it",
    )
}

/// JSON for people: a line for each field, and texts as they are.
fn readable(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let entry = |name: &str, value: &Value| match value {
        Value::Object(fields) if !fields.is_empty() => format!("{indent}{name}:\n{}", readable(value, depth + 1)),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            format!("{indent}{name}:\n{}", readable(value, depth + 1))
        }
        Value::String(text) if text.trim_end().contains('\n') => {
            let lines = text.trim_end().lines().map(|line| format!("{indent}  {line}").trim_end().to_owned());
            format!("{indent}{name}:\n{}", lines.collect::<Vec<_>>().join("\n"))
        }
        Value::String(text) => format!("{indent}{name}: {text}"),
        other => format!("{indent}{name}: {other}"),
    };
    let lines: Vec<String> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| entry(name, value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| entry(&(at + 1).to_string(), item)).collect(),
        other => vec![format!("{indent}{other}")],
    };
    lines.join("\n")
}
