//! The verbs of operators. Each is done to one task, to several, or to all that pass a filter.

use clap::Args;
use tasker_core::{model::Json, orchestration::Action};
use tasker_worker::client::RerunFrom;

use super::{input, targets::Targets};
use crate::{
    failure::{Exit, Failure, Result},
    output::Output,
    reach,
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
///
///   tasker task rerun 0197a3...                                   from the beginning
///   tasker task rerun 0197a3... --from-step ship                  from a step on: what else was done is taken over
///   tasker task rerun 0197a3... --from-step ship --set-result 'charge={"id": 7}' --set address=Oslo
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rerun {
    /// The step to run again from, with all that depend on it; for one task
    #[arg(long, value_name = "STEP", conflicts_with_all = ["which", "dry_run"])]
    from_step: Option<String>,
    /// The result of a step in place of the one that it had, as JSON; may be repeated
    #[arg(long, value_name = "STEP=JSON", requires = "from_step")]
    set_result: Vec<String>,
    /// Another input: JSON, @FILE, or - for standard input
    #[arg(short, long, value_name = "JSON", requires = "from_step")]
    input: Option<String>,
    /// Put a value into the input; a dot leads into objects and lists
    #[arg(short, long, value_name = "KEY=VALUE", requires = "from_step")]
    set: Vec<String>,
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
        let Self { from_step: Some(from), set_result, input, set, targets } = self else {
            return self.targets.act(Action::Rerun, "run again", settings, output).await;
        };
        let client = reach::client(settings).await?;
        let (task_id, actor) = targets.single()?;
        let context = match (&input, set.is_empty()) {
            (None, true) => None,
            (None, false) => Some(input::changed(&client.get(task_id).await?.context, &set)?),
            (Some(text), _) => Some(input::read(Some(text), &set)?),
        };
        let results = set_result.iter().map(|pair| result_of(pair)).collect::<Result<_>>()?;
        let task = client.rerun_from(task_id, RerunFrom { from, context, results }, actor).await?;
        output.either(&task, || format!("task {} runs {task_id} again", task.task_uuid));
        Ok(Exit::Complete)
    }
}

impl Priority {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let action = Action::Prioritize { priority: self.to };
        self.targets.act(action, "change the priority of", settings, output).await
    }
}

/// `STEP=JSON`
fn result_of(pair: &str) -> Result<(String, Json)> {
    let usage = |message: String| Failure::usage(message, "write --set-result 'STEP={\"key\": \"value\"}'");
    let (step, text) = pair.split_once('=').ok_or_else(|| usage(format!("`{pair}` has no `=`")))?;
    let result = Json::parse(text.to_owned()).map_err(|error| usage(format!("the result of `{step}`: {error}")))?;
    Ok((step.to_owned(), result))
}

fn resolution(step: Option<String>, result: Option<Json>, complete: bool, whole: bool) -> Action {
    match (step, result) {
        _ if whole => Action::Resolve,
        (Some(step), Some(result)) if complete => Action::CompleteStep { step, result },
        (step, result) => Action::ResolveStep { step, result },
    }
}
