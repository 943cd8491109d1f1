use clap::Args;
use tasker_core::model::{TaskId, Timestamp};
use tasker_worker::client::WhyView;

use super::task_id;
use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    span,
    style::{Tone, of_step, of_task},
};

/// Say why a task and its open steps stand where they stand, since when, and what would move them
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The task's id
    #[arg(value_name = "ID", value_parser = task_id)]
    task_id: TaskId,
}

impl Why {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let view = client.why(self.task_id).await?;
        if output.is_json() {
            output.document(&view);
        } else {
            show(&view, client.now().await?, output);
        }
        Ok(Exit::Complete)
    }
}

fn show(WhyView { task_uuid, why }: &WhyView, now: Timestamp, output: &Output) {
    let (mark, tone) = of_task(why.status);
    let since = |at: Timestamp| output.paint(&format!("for {}", span::show(now.since(at))), Tone::Dim);
    output.line(&format!("{} task {task_uuid} is {}  {}", output.paint(mark, tone), why.status, since(why.since)));
    if !why.moved_by.is_empty() {
        output.line(&format!("  moved by {}", why.moved_by));
    }
    let width = why.steps.iter().map(|step| step.step.chars().count()).max().unwrap_or(0);
    for step in &why.steps {
        let (mark, tone) = of_step(step.current_state);
        let state = output.paint(&format!("{mark} {:17}", step.current_state), tone);
        output.line(&format!("  {state} {:width$}  {}", step.step, since(step.since)));
        output.line(&format!("      moved by {}", step.moved_by));
    }
}
