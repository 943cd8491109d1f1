use clap::Args;
use tasker_core::{
    model::{Page, Task, TaskState, limits},
    store::{TaskCursor, TaskFilter},
};

use crate::{
    database,
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
    span,
    style::{Tone, of_task},
};

/// List tasks, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only tasks in this state; repeat it, or separate with commas, for several
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state)]
    state: Vec<TaskState>,
    /// Only tasks of the templates with this name
    #[arg(long)]
    name: Option<String>,
    /// Tasks on this page
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::PAGE)))]
    limit: u32,
    /// Go on behind this one: the `next` of the page before
    #[arg(long, value_name = "ID")]
    after: Option<TaskCursor>,
}

impl List {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let engine = database::engine(settings).await?;
        let filter = TaskFilter {
            namespace: settings.namespace.clone(),
            name: self.name,
            version: None,
            states: self.state,
            after: self.after,
            ..TaskFilter::default()
        };
        let page = engine.tasks(&filter, self.limit).await?;
        if output.is_json() {
            output.document(&page);
            return Ok(Exit::Complete);
        }
        let now = engine.store().now().await?;
        let width = page.items.iter().map(|task| title(task).chars().count()).max().unwrap_or(0);
        for task in &page.items {
            let (mark, tone) = of_task(task.state);
            let state = output.paint(&format!("{mark} {:19}", task.state), tone);
            let took = span::show(task.completed_at.unwrap_or(now).since(task.created_at));
            let age = span::show(now.since(task.created_at));
            let done = format!("{}/{}", task.counts.done, task.counts.total);
            let line = format!("{}  {state} {:width$}  {done:>9}  {took:>8}", task.task_id, title(task));
            output.line(&format!("{line}  {}", output.paint(&format!("{age} ago"), Tone::Dim)));
        }
        tell_what_is_not_shown(&page, &filter, output);
        Ok(Exit::Complete)
    }
}

fn tell_what_is_not_shown(page: &Page<Task>, filter: &TaskFilter, output: &Output) {
    if let Some(next) = &page.next {
        output.note(&format!("there are more: --after {next}"));
    } else if page.items.is_empty() && filter.after.is_none() {
        output.note("no tasks; `tasker task submit namespace/name` makes one");
    }
}

fn title(task: &Task) -> String {
    format!("{}/{} {}", task.namespace, task.name, task.version)
}

fn state(text: &str) -> Result<TaskState, String> {
    text.parse().map_err(|error| {
        let names: Vec<_> = TaskState::ALL.iter().map(|state| state.as_str()).collect();
        format!("{error}: write one of {}", names.join(", "))
    })
}
