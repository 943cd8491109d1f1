use super::{Engine, Error, Result, check_actor};
use crate::{
    dag::{Submission, TemplateKey, plan},
    model::{Actor, Task, TaskId},
    orchestration::Submitted,
    state::{Input, Verb},
};

impl Engine {
    /// Runs an ended task again: a new task of the same template version with the same input, whose `rerun_of` names the old
    /// one. The old task stays as it ended, and its history tells of the new one.
    ///
    /// The same call made twice before the first is answered gives one new task.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskUnfit`] if it has not ended; [`Error::Store`].
    pub async fn rerun(&self, task_id: TaskId, actor: Actor) -> Result<Submitted> {
        check_actor(&actor)?;
        let task = self.task(task_id).await?;
        if !task.state.is_final() {
            return Err(Error::TaskUnfit { task_id, state: task.state });
        }
        let seq = task.seq;
        let key = TemplateKey { id: task.template_id, environment: task.environment.as_deref().map(Into::into) };
        let definition = self.definition(&key).await?;
        let submitted = self.insert(plan(&definition, submission(task, &actor))).await?;
        // The column tells of the old task too, so that a process that dies here leaves the two linked.
        let verb = Verb::NoteRerun { task: submitted.task_id, seq };
        self.apply(&[Input::Operate { task_id, verb, actor }], None, None).await?;
        Ok(submitted)
    }
}

fn submission(task: Task, actor: &Actor) -> Submission {
    Submission {
        context: task.context,
        priority: task.priority,
        initiator: actor.by.clone().or(task.initiator),
        source_system: task.source_system,
        reason: actor.reason.clone().or(task.reason),
        tags: task.tags,
        correlation_id: task.correlation_id,
        parent_correlation_id: task.parent_correlation_id,
        // What happens to the old task meanwhile moves its `seq`, so that a later wish is another one.
        idempotency_key: Some(format!("rerun of {} at event {}", task.task_id, task.seq)),
        rerun_of: Some(task.task_id),
        trace: task.flow.trace,
    }
}
