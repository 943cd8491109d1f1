//! `tasker retention`: what is removed when it has been kept long enough.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use serde_json::json;
use tasker_core::events::{self, RetentionError};

use crate::{
    database,
    failure::{Exit, Failure, Result},
    output::Output,
    settings::Settings,
    span,
};

/// Remove tasks that ended long ago
#[derive(Debug, Subcommand)]
pub(crate) enum Retention {
    Run(Run),
}

/// Remove tasks that ended long ago, with their steps and events, in small batches
///
/// Tasks stay of which a receiver of events (`tasker relay list`) has not got all, and sub-workflows of tasks that go on. `tasker server --retain` does the same all the time.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// How long tasks are kept after their end: 720h
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    older_than: Duration,
    /// A folder in which to keep what is removed, as compressed lines of JSON
    #[arg(long, value_name = "FOLDER")]
    archive: Option<PathBuf>,
    /// Count, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// How many a dry run counts.
const COUNT: u32 = 100_000;

impl Retention {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let Self::Run(Run { older_than, archive, dry_run }) = self;
        let engine = database::engine(settings).await?;
        let retention = events::Retention { age: older_than, archive };
        if dry_run {
            let count = retention.count(&engine, COUNT).await?;
            output.either(&json!({"removed": 0, "would_remove": count}), || format!("{count} tasks would be removed"));
            return Ok(Exit::Complete);
        }
        let removed = retention.run(&engine).await?;
        output.either(&json!({"removed": removed}), || format!("{removed} tasks are removed"));
        Ok(Exit::Complete)
    }
}

impl From<RetentionError> for Box<Failure> {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Engine(error) => error.into(),
            RetentionError::Archive(path, error) => {
                let message = format!("the archive {} cannot be written", path.display());
                Failure::new("archive_unwritable", message, "make the folder, or name another one; nothing was removed")
                    .with_cause(error)
            }
        }
    }
}
