use clap::Args;
use tasker_core::model::TaskId;

use super::{TaskDocument, task_id};
use crate::{
    database,
    failure::{Exit, Result},
    output::{Output, write_out},
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
        let engine = database::engine(settings).await?;
        let document = TaskDocument::load(&engine, self.task_id).await?;
        if output.is_json() {
            output.document(&document);
        } else {
            write_out(&document.text(&engine, output).await?);
        }
        Ok(Exit::Complete)
    }
}
