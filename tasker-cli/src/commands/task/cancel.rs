use clap::Args;
use tasker_core::model::TaskId;

use super::task_id;
use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
};

/// Stop a task: its open steps are cancelled at once
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The task's id
    #[arg(value_name = "ID", value_parser = task_id)]
    task_id: TaskId,
    /// Why; kept in the task's history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who wants it; kept in the task's history
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true)]
    by: Option<String>,
}

impl Cancel {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let task = reach::client(settings).await?.cancel(self.task_id, self.by, self.reason).await?;
        output.either(&task, || format!("task {} is {}", task.task_uuid, task.status));
        Ok(Exit::Complete)
    }
}
