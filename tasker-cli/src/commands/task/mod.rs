//! `tasker task`: runs of templates.

mod filter;
mod get;
mod history;
mod input;
mod list;
mod operate;
mod shown;
mod signal;
mod submit;
mod targets;
mod wait;
mod watch;
mod why;

use clap::Subcommand;
use tasker_core::model::TaskId;
use tasker_worker::client::TaskView;

pub(crate) use shown::shown;

use crate::{
    failure::{Exit, Failure, Result},
    output::Output,
    settings::Settings,
};

/// Submit tasks, look at them, follow them, steer and repair them
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    Submit(Box<submit::Submit>),
    Get(get::Get),
    List(list::List),
    Watch(watch::Watch),
    Wait(wait::Wait),
    Why(why::Why),
    History(history::History),
    Cancel(operate::Cancel),
    Pause(operate::Pause),
    Resume(operate::Resume),
    Retry(operate::Retry),
    Resolve(operate::Resolve),
    Rerun(operate::Rerun),
    Priority(operate::Priority),
    Signal(signal::Signal),
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        match self {
            Self::Submit(submit) => submit.run(settings, output).await,
            Self::Get(get) => get.run(settings, output).await,
            Self::List(list) => list.run(settings, output).await,
            Self::Watch(watch) => watch.run(settings, output).await,
            Self::Wait(wait) => wait.run(settings, output).await,
            Self::Why(why) => why.run(settings, output).await,
            Self::History(history) => history.run(settings, output).await,
            Self::Cancel(cancel) => cancel.run(settings, output).await,
            Self::Pause(pause) => pause.run(settings, output).await,
            Self::Resume(resume) => resume.run(settings, output).await,
            Self::Retry(retry) => retry.run(settings, output).await,
            Self::Resolve(resolve) => resolve.run(settings, output).await,
            Self::Rerun(rerun) => rerun.run(settings, output).await,
            Self::Priority(priority) => priority.run(settings, output).await,
            Self::Signal(signal) => signal.run(settings, output).await,
        }
    }
}

fn task_id(text: &str) -> Result<TaskId, String> {
    text.parse().map_err(|_| "a task's id is a UUID, as `tasker task list` shows it".to_owned())
}

/// What a task's end means to a command that waited for it.
fn ended(task: &TaskView) -> Result<Exit> {
    Failure::of_end(task).map_or(Ok(Exit::Complete), Err)
}
