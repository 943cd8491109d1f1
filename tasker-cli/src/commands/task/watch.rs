use std::time::Duration;

use clap::Args;
use tasker_core::model::TaskId;

use super::{ended, task_id};
use crate::{
    failure::{Exit, Result},
    follow::follow,
    output::Output,
    reach,
    settings::Settings,
    span,
};

/// Follow a task to its end; Ctrl-C leaves it running
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The task's id
    #[arg(value_name = "ID", value_parser = task_id)]
    task_id: TaskId,
    /// Watch no longer than this: 500ms, 30s, 2m, 1h
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    timeout: Option<Duration>,
}

impl Watch {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        ended(&follow(&client, self.task_id, self.timeout, output).await?)
    }
}
