use super::{Engine, Error, Result};
use crate::{
    dag::TemplateKey,
    model::{Json, Task, TaskId, limits},
    state::Input,
};

impl Engine {
    /// Sends a signal to a task, for the first step that waits for it and has none yet; it may come before the wait. `by`
    /// is kept with it.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskEnded`]; [`Error::SignalUnknown`] if no step waits for that name, or all of
    /// them have theirs; [`Error::SignalInvalid`] if the payload does not satisfy the step's schema; [`Error::FieldInvalid`]
    /// for a payload over [`limits::PAYLOAD_BYTES`]. Nothing is recorded then.
    pub async fn signal(&self, task_id: TaskId, name: &str, payload: Json, by: Option<String>) -> Result<Task> {
        let size = payload.size();
        if size > limits::PAYLOAD_BYTES {
            let reason = format!("has {size} bytes; at most {} are taken", limits::PAYLOAD_BYTES);
            return Err(Error::FieldInvalid { field: "payload", reason });
        }
        let task = self.task(task_id).await?;
        let key = TemplateKey { id: task.template_id, environment: task.environment.as_deref().map(Into::into) };
        let definition = self.definition(&key).await?;
        let unknown = || {
            let mut known: Vec<_> = definition.signals().map(|(_, name)| name.to_owned()).collect();
            known.dedup();
            Error::SignalUnknown { task_id, name: name.to_owned(), known }
        };
        if !definition.signals().any(|(_, known)| known == name) {
            return Err(unknown());
        }
        definition.check_signal(name, &payload).map_err(Error::SignalInvalid)?;
        let changes = self.apply(&[Input::Signal { task_id, name: name.to_owned(), payload, by }], None, None).await?;
        let task = self.task(task_id).await?;
        match changes.is_empty() {
            false => Ok(task),
            true if task.state.is_final() => Err(Error::TaskEnded { task_id, state: task.state }),
            true => Err(unknown()),
        }
    }
}
