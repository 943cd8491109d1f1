//! What operators do to tasks: one at a time here, many in `bulk`.

mod action;
mod bulk;
mod rerun;

pub use action::Action;
pub use bulk::{Acted, Bulk, BulkDone, BulkItem, Selection};
pub use rerun::RerunFrom;

use super::{Engine, Error, Result, submit::check_text};
use crate::{
    dag::TemplateKey,
    model::{Actor, Json, Task, TaskId, limits},
    state::{Changes, Input, Refusal, Verb, Which},
};

impl Engine {
    /// Stops a task: its open steps are cancelled at once, and what running handlers still report is refused.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`] if it ended before.
    pub async fn cancel(&self, task_id: TaskId, actor: Actor) -> Result<Task> {
        self.operate(task_id, Verb::Cancel, actor).await
    }

    /// Lets no further step of a task start. Running attempts go on, and what they report is recorded; a deadline stands.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`]; [`Error::TaskUnfit`] if it is paused.
    pub async fn pause(&self, task_id: TaskId, actor: Actor) -> Result<Task> {
        self.operate(task_id, Verb::Pause, actor).await
    }

    /// Lets a paused task go on.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`]; [`Error::TaskUnfit`] if it is not paused.
    pub async fn resume(&self, task_id: TaskId, actor: Actor) -> Result<Task> {
        self.operate(task_id, Verb::Resume, actor).await
    }

    /// Closes a task by hand, an open or a failed one: it is `resolved_manually`, and its open steps are cancelled.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`].
    pub async fn resolve(&self, task_id: TaskId, actor: Actor) -> Result<Task> {
        self.operate(task_id, Verb::Resolve, actor).await
    }

    /// Has the open steps of a task claimed before those of a lower priority, and after those of a higher one.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`].
    pub async fn prioritize(&self, task_id: TaskId, priority: i16, actor: Actor) -> Result<Task> {
        self.operate(task_id, Verb::Prioritize(priority), actor).await
    }

    /// Lets failed steps run again with all their attempts anew, and a step that waits for its retry run at once. A failed
    /// task goes on, with its time anew, and the steps that were cancelled because of these failures come back.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`] if it ended otherwise than in `error`; [`Error::StepNotFound`];
    /// [`Error::StepUnfit`] if the step did not fail; [`Error::StepDoomed`]; [`Error::NothingFailed`].
    pub async fn retry(&self, task_id: TaskId, which: Which, actor: Actor) -> Result<Task> {
        self.operate(task_id, Verb::Retry(which), actor).await
    }

    /// Closes steps by hand, with or without a result: they are `resolved_manually`, and what waits for them goes on. An
    /// attempt that is under way is refused when it reports.
    ///
    /// # Errors
    /// As [`Engine::retry`], and [`Error::ResultInvalid`] if the result does not satisfy `result_schema`.
    pub async fn resolve_steps(
        &self,
        task_id: TaskId,
        which: Which,
        result: Option<Json>,
        actor: Actor,
    ) -> Result<Task> {
        self.operate(task_id, Verb::ResolveSteps { which, result }, actor).await
    }

    /// Gives the result of a step in its handler's place: it is `complete`.
    ///
    /// # Errors
    /// As [`Engine::resolve_steps`].
    pub async fn complete_step(&self, task_id: TaskId, which: Which, result: Json, actor: Actor) -> Result<Task> {
        self.operate(task_id, Verb::CompleteStep { which, result }, actor).await
    }

    async fn operate(&self, task_id: TaskId, verb: Verb, actor: Actor) -> Result<Task> {
        check_actor(&actor)?;
        self.check_result(task_id, &verb).await?;
        let changes = self.apply(&[Input::Operate { task_id, verb, actor }], None, None).await?;
        match refused(&changes, 0) {
            Some(refusal) => Err(Error::refused(task_id, refusal)),
            None => self.task(task_id).await,
        }
    }

    /// A result given by hand is held to what a handler's is: others will read it.
    async fn check_result(&self, task_id: TaskId, verb: &Verb) -> Result<()> {
        let (which, result) = match verb {
            Verb::ResolveSteps { which, result: Some(result) } | Verb::CompleteStep { which, result } => {
                (which, result)
            }
            _ => return Ok(()),
        };
        let size = result.size();
        if size > limits::PAYLOAD_BYTES {
            let reason = format!(
                "has {size} bytes; at most {} are kept: store it elsewhere and give where",
                limits::PAYLOAD_BYTES
            );
            return Err(Error::FieldInvalid { field: "result", reason });
        }
        let task = self.task(task_id).await?;
        let key = TemplateKey { id: task.template_id, environment: task.environment.map(Into::into) };
        let definition = self.definition(&key).await?;
        let steps = match which {
            Which::Failed => definition.steps.iter().map(|step| step.idx).collect(),
            Which::Idx(idx) => vec![*idx],
            Which::Name(name) => definition.idx_of(name).into_iter().collect(),
        };
        steps.into_iter().try_for_each(|idx| definition.check_result(idx, result).map_err(Error::ResultInvalid))
    }
}

fn refused(changes: &Changes, place: usize) -> Option<&Refusal> {
    changes.refusals.iter().find(|(at, _)| *at == place).map(|(_, refusal)| refusal)
}

pub(super) fn check_actor(actor: &Actor) -> Result<()> {
    for (field, text) in [("by", &actor.by), ("reason", &actor.reason)] {
        text.as_deref().map_or(Ok(()), |text| check_text(field, text))?;
    }
    Ok(())
}

impl Error {
    fn refused(task_id: TaskId, refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NoSuchTask => Self::TaskNotFound(task_id),
            Refusal::TaskState(state) if state.is_final() => Self::TaskEnded { task_id, state: *state },
            Refusal::TaskState(state) => Self::TaskUnfit { task_id, state: *state },
            Refusal::NoSuchStep => Self::StepNotFound { task_id },
            Refusal::StepState { step, state } => Self::StepUnfit { task_id, step: step.to_string(), state: *state },
            Refusal::Doomed { step, by } => Self::StepDoomed { task_id, step: step.to_string(), by: by.to_string() },
            Refusal::Ending => Self::TaskEnding(task_id),
            Refusal::NotAwaited { parent, step } => {
                Self::TaskNotAwaited { task_id, parent: *parent, step: step.to_string() }
            }
            Refusal::NoResult { step } => {
                let reason = format!(
                    "step `{step}` comes before it and has no result that could be taken over: begin there, or give one, \
                     which cannot be done for a step that splits work"
                );
                Self::FieldInvalid { field: "from", reason }
            }
            Refusal::NothingFailed => Self::NothingFailed(task_id),
        }
    }
}
