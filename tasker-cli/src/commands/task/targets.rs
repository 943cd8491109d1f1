use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use tasker_core::{
    model::{Actor, TaskId, limits},
    orchestration::Action,
};
use tasker_worker::{
    Client,
    client::{ActedItem, ActedView, BulkAction, TaskQuery},
};

use super::{filter::Filter, task_id};
use crate::{
    failure::{Exit, Failure, Result, plural},
    output::Output,
    reach,
    settings::Settings,
    style::{Tone, of_task},
    table::Table,
};

/// The tasks that something is to be done to, and who wants it.
#[derive(Debug, Args)]
pub(super) struct Targets {
    /// The tasks' ids; in their place, say which tasks are meant by their properties
    #[arg(value_name = "ID", value_parser = task_id, required_unless_present = "which", conflicts_with = "which")]
    ids: Vec<TaskId>,
    #[command(flatten)]
    filter: Filter,
    /// Change nothing; only tell what would happen
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before many tasks are changed
    #[arg(short, long)]
    yes: bool,
    /// Why; kept in the tasks' histories
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who wants it; kept in the tasks' histories
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true)]
    by: Option<String>,
}

impl Targets {
    /// The only task, where there may be no other, and who wants it.
    pub(super) fn single(self) -> Result<(TaskId, Actor)> {
        match self.ids.as_slice() {
            [task_id] => Ok((*task_id, Actor { by: self.by, reason: self.reason })),
            _ => Err(Failure::usage("this is for one task at a time", "name one task by its id")),
        }
    }

    /// Does it, and tells what became of each task. `verb` is what is done, in words.
    pub(super) async fn act(self, action: Action, verb: &str, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let actor = Actor { by: self.by, reason: self.reason };
        if let ([task_id], false) = (&self.ids[..], self.dry_run) {
            let task = client.operate(*task_id, action, actor).await?;
            output.either(&task, || format!("task {} is {}", task.task_uuid, task.status));
            return Ok(Exit::Complete);
        }
        let dry_run = self.dry_run;
        let request = BulkAction { dry_run, ..BulkAction::new(action, actor) };
        let acted = if self.ids.is_empty() {
            let query = TaskQuery { limit: Some(limits::PAGE), ..self.filter.query(settings) };
            let request = BulkAction { filter: Some(query), ..request };
            if !dry_run && !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal() {
                confirm(&client, &request, verb).await?;
            }
            act_on_pages(&client, request).await?
        } else {
            client.act(BulkAction { ids: Some(self.ids), ..request }).await?
        };
        show(&acted, verb, dry_run, output)
    }
}

/// Every page of the filter, as one answer.
async fn act_on_pages(client: &Client, mut request: BulkAction) -> Result<ActedView> {
    let mut all = client.act(request.clone()).await?;
    while let Some(next) = all.next.take() {
        if let Some(filter) = &mut request.filter {
            filter.after = Some(next);
        }
        let page = client.act(request.clone()).await?;
        (all.done, all.refused, all.next) = (all.done + page.done, all.refused + page.refused, page.next);
        all.items.extend(page.items);
    }
    Ok(all)
}

/// Asks a person, who may have meant fewer tasks.
async fn confirm(client: &Client, request: &BulkAction, verb: &str) -> Result<()> {
    let foreseen = client.act(BulkAction { dry_run: true, ..request.clone() }).await?;
    if foreseen.matched == 0 {
        return Ok(());
    }
    let count = usize::try_from(foreseen.matched).unwrap_or(usize::MAX);
    let more = if foreseen.next.is_some() { " or more" } else { "" };
    // Where the terminal has gone away there is nobody to say yes.
    let _ = write!(io::stderr(), "{verb} {count}{more} task{}? [y/N] ", plural(count));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    let remedy = "answer y, or pass --yes; --dry-run shows every task that is meant";
    Err(Failure::new("interrupted", "nothing was changed", remedy).with_exit(Exit::Interrupted))
}

fn show(acted: &ActedView, verb: &str, dry_run: bool, output: &Output) -> Result<Exit> {
    if output.is_json() {
        output.document(acted);
    } else {
        let mut table = Table::new(&["TASK", "STATE", ""]);
        acted.items.iter().for_each(|item| table.row(row(item)));
        table.print(output);
        let would = if dry_run { "would " } else { "" };
        output.note(&format!("{would}{verb} {} task{}", acted.done, plural(acted.done)));
    }
    if acted.refused == 0 {
        return Ok(Exit::Complete);
    }
    let count = acted.items.len();
    let message = format!("{} of {count} task{} were refused", acted.refused, plural(count));
    Err(Failure::new("partly_refused", message, "look at the error of each; the others are done"))
}

fn row(item: &ActedItem) -> [(String, Tone); 3] {
    let (state, tone) = item.status.map_or((String::new(), Tone::Plain), |status| {
        let (mark, tone) = of_task(status);
        (format!("{mark} {status}"), tone)
    });
    let (rest, rest_tone) = match (&item.error, item.rerun_uuid) {
        (Some(error), _) => (format!("{}: {}", error.code, error.message), Tone::Bad),
        (None, Some(rerun)) => (format!("runs again as {rerun}"), Tone::Plain),
        (None, None) => (String::new(), Tone::Plain),
    };
    [(item.task_uuid.to_string(), Tone::Plain), (state, tone), (rest, rest_tone)]
}
