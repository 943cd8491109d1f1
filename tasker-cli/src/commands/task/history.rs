use clap::Args;
use tasker_core::model::TaskId;

use super::task_id;
use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    tree::{Progress, event_text},
};

/// Show everything that happened to a task, and who did what to it
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The task's id
    #[arg(value_name = "ID", value_parser = task_id)]
    task_id: TaskId,
    /// Only what happened to the step of this name
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
}

impl History {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let mut progress = Progress::blank(&client.get(self.task_id).await?);
        loop {
            let page = client.history(self.task_id, progress.seq).await?;
            for event in &page.items {
                // What cannot be drawn from the event is not looked up: the line shows the event, not the task of now.
                progress.apply(event);
                if self.step.is_some() && self.step != event.step {
                    continue;
                }
                output.json_line(event);
                event_text(&progress, event, output).iter().for_each(|line| output.line(line));
            }
            if page.next.is_none() {
                return Ok(Exit::Complete);
            }
        }
    }
}
