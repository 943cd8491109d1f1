use clap::Args;
use serde_json::json;
use tasker_core::model::{Actor, TaskId};

use super::task_id;
use crate::{
    database,
    failure::{Exit, Result},
    output::Output,
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
        let engine = database::engine(settings).await?;
        let task = engine.cancel(self.task_id, Actor { by: self.by, reason: self.reason }).await?;
        output.either(&json!({"task": task}), || format!("task {} is {}", task.task_id, task.state));
        Ok(Exit::Complete)
    }
}
