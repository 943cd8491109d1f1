use clap::Args;
use tasker_core::model::TaskId;

use super::{shown, task_id};
use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
};

/// Show a task and its steps: states, attempts, durations, results, errors
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The task's id
    #[arg(value_name = "ID", value_parser = task_id)]
    task_id: TaskId,
}

impl Get {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let task = client.get(self.task_id).await?;
        shown(&client, &task, output).await?;
        Ok(Exit::Complete)
    }
}
