use std::time::Duration;

use clap::Args;
use tasker_core::model::TaskId;

use super::{ended, shown, task_id};
use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    span,
};

/// Wait for the end of a task, and show it
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The task's id
    #[arg(value_name = "ID", value_parser = task_id)]
    task_id: TaskId,
    /// Wait no longer than this: 500ms, 30s, 2m, 1h
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    timeout: Option<Duration>,
}

/// With no --timeout it is waited for as long as it takes.
pub(super) const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Wait {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let task = client.wait(self.task_id, self.timeout.unwrap_or(FOR_EVER)).await?;
        shown(&client, &task, output).await?;
        ended(&task)
    }
}
