use clap::Args;
use tasker_core::model::{Json, TaskId};

use super::{input, task_id};
use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
};

/// Send a signal to a task, for the first step that waits for it; it may come before the wait
///
///   tasker task signal 0197a3... approved --payload '{"by": "grace"}'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Signal {
    /// The task's id
    #[arg(value_name = "ID", value_parser = task_id)]
    task_id: TaskId,
    /// What the step waits for
    name: String,
    /// The result of the step that waits: JSON, @FILE, or - for standard input; null without it
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// Who sends it; kept in the task's history
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true)]
    by: Option<String>,
}

impl Signal {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let payload = self.payload.map_or_else(|| Ok(Json::null()), |text| input::read(Some(&text), &[]))?;
        let task = reach::client(settings).await?.signal(self.task_id, &self.name, payload, self.by).await?;
        output.either(&task, || format!("task {} is {}", task.task_uuid, task.status));
        Ok(Exit::Complete)
    }
}
