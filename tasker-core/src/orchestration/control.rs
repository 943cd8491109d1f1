use super::{Engine, Error, Result};
use crate::{
    model::{Task, TaskId, Verdict},
    state::Input,
};

impl Engine {
    /// Stops a task: its open steps are cancelled at once, and what running handlers still report is refused.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`] if it ended before.
    pub async fn cancel(&self, task_id: TaskId, by: Option<String>, reason: Option<String>) -> Result<Task> {
        let changes = self.apply(&[Input::Cancel { task_id, by, reason }], None, None).await?;
        let task = self.task(task_id).await?;
        match changes.verdicts.first() {
            Some(Verdict::Accepted) => Ok(task),
            _ => Err(Error::TaskEnded { task_id, state: task.state }),
        }
    }
}
