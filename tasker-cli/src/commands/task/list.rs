use clap::Args;
use tasker_core::model::{Timestamp, limits};
use tasker_worker::{
    Client,
    client::{Page, TaskQuery, TaskView},
};

use super::filter::Filter;
use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    span,
    style::{Tone, of_task},
    table::Table,
};

/// List and search tasks, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Tasks on this page
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::PAGE)))]
    limit: u32,
    /// Go on behind this one: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl List {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let query = TaskQuery { after: self.after, limit: Some(self.limit), ..self.filter.query(settings) };
        let page = full_page(&client, query.clone(), self.limit as usize).await?;
        if output.is_json() {
            output.document(&page);
            return Ok(Exit::Complete);
        }
        table(&page.items, client.now().await?).print(output);
        tell_what_is_not_shown(&page, &query, output);
        Ok(Exit::Complete)
    }
}

/// As many tasks as were asked for, if there are so many: a page of the client looks through a part of all tasks only.
async fn full_page(client: &Client, mut query: TaskQuery, limit: usize) -> Result<Page<TaskView>> {
    let mut page = client.list(&query).await?;
    while page.items.len() < limit
        && let Some(next) = page.next.take()
    {
        query.after = Some(next);
        query.limit = u32::try_from(limit - page.items.len()).ok();
        let more = client.list(&query).await?;
        page.items.extend(more.items);
        page.next = more.next;
    }
    Ok(page)
}

fn table(tasks: &[TaskView], now: Timestamp) -> Table {
    let mut table = Table::new(&["TASK", "STATE", "TEMPLATE", ">STEPS", ">TOOK", ">AGE"]);
    for task in tasks {
        let (mark, tone) = of_task(task.status);
        let took = span::show(task.completed_at.unwrap_or(now).since(task.created_at));
        table.row([
            (task.task_uuid.to_string(), Tone::Plain),
            (format!("{mark} {}", task.status), tone),
            (format!("{}/{} {}", task.namespace, task.name, task.version), Tone::Plain),
            (format!("{}/{}", task.completed_steps + task.failed_steps, task.total_steps), Tone::Plain),
            (took, Tone::Plain),
            (span::show(now.since(task.created_at)), Tone::Dim),
        ]);
    }
    table
}

fn tell_what_is_not_shown(page: &Page<TaskView>, query: &TaskQuery, output: &Output) {
    if let Some(next) = &page.next {
        output.note(&format!("there are more: --after {next}"));
    } else if page.items.is_empty() && query.after.is_none() {
        output.note("no such tasks; `tasker task submit namespace/name` makes one");
    }
}
