//! The verbs of operators. Each is done to one task, to several, or to all that pass a filter.

use clap::Args;
use tasker_core::{model::Json, orchestration::Action};

use super::{input, targets::Targets};
use crate::{
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
};

/// Stop tasks: their open steps are cancelled at once
///
///   tasker task cancel 0197a3...  --reason "wrong customer"
///   tasker task cancel --state pending --name nightly --dry-run
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Cancel {
    #[command(flatten)]
    targets: Targets,
}

/// Let no further step of the tasks start; running ones go on
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    targets: Targets,
}

/// Let paused tasks go on
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    targets: Targets,
}

/// Let failed steps run again, with all their attempts anew; failed tasks go on from there
///
///   tasker task retry 0197a3...                          every failed step
///   tasker task retry --state error --name order         every failed step of every failed order
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Retry {
    /// Only the step of this name, which may also wait for its retry
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    #[command(flatten)]
    targets: Targets,
}

/// Close failed steps by hand, or whole tasks; what waits for the steps goes on
///
///   tasker task resolve 0197a3...                                   every failed step, without a result
///   tasker task resolve 0197a3... --step charge --result '{"id": 7}'
///   tasker task resolve 0197a3... --whole                           the task itself
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Resolve {
    /// Only the step of this name; without it every failed step
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// The step's result, for the steps that follow: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", requires = "step")]
    result: Option<String>,
    /// Record the result as if the handler had returned it: the step is complete, not resolved
    #[arg(long, requires = "result")]
    complete: bool,
    /// Close the tasks themselves: their open steps are cancelled
    #[arg(long, conflicts_with_all = ["step", "result", "complete"])]
    whole: bool,
    #[command(flatten)]
    targets: Targets,
}

/// Run ended tasks again, each as a new task with the same input
#[derive(Debug, Args)]
pub(crate) struct Rerun {
    #[command(flatten)]
    targets: Targets,
}

/// Have the open steps of tasks claimed sooner or later than those of others
#[derive(Debug, Args)]
pub(crate) struct Priority {
    /// Higher goes first; tasks have 0 if nothing was said
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    to: i16,
    #[command(flatten)]
    targets: Targets,
}

impl Cancel {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        self.targets.act(Action::Cancel, "cancel", settings, output).await
    }
}

impl Pause {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        self.targets.act(Action::Pause, "pause", settings, output).await
    }
}

impl Resume {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        self.targets.act(Action::Resume, "resume", settings, output).await
    }
}

impl Retry {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        self.targets.act(Action::Retry { step: self.step }, "retry", settings, output).await
    }
}

impl Resolve {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let Self { step, result, complete, whole, targets } = self;
        let result = result.map(|text| input::read(Some(&text), &[])).transpose()?;
        targets.act(resolution(step, result, complete, whole), "resolve", settings, output).await
    }
}

impl Rerun {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        self.targets.act(Action::Rerun, "run again", settings, output).await
    }
}

impl Priority {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let action = Action::Prioritize { priority: self.to };
        self.targets.act(action, "change the priority of", settings, output).await
    }
}

fn resolution(step: Option<String>, result: Option<Json>, complete: bool, whole: bool) -> Action {
    match (step, result) {
        _ if whole => Action::Resolve,
        (Some(step), Some(result)) if complete => Action::CompleteStep { step, result },
        (step, result) => Action::ResolveStep { step, result },
    }
}
