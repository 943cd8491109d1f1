//! `tasker relay`: how the log is carried to others.

mod known;
mod run;

use clap::Subcommand;

use crate::{
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
};

/// Publish what happens to NATS or as spans, and look at how far that has come
#[derive(Debug, Subcommand)]
pub(crate) enum Relay {
    Run(run::Run),
    List(known::List),
    Forget(known::Forget),
}

impl Relay {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        match self {
            Self::Run(run) => run.run(settings, output).await,
            Self::List(list) => list.run(settings, output).await,
            Self::Forget(forget) => forget.run(settings, output).await,
        }
    }
}
