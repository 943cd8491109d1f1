//! What an application asks of Tasker: register templates, submit tasks, look at them, wait for them, stop them.

mod error;

use std::{sync::Arc, time::Duration};

use tasker_core::{
    model::{Event, Page, Step, Task, TaskId},
    orchestration::{Engine, Registered},
    store::{StoredTemplate, TaskFilter, TemplateSummary, WorkerRecord},
};

pub use error::Error;
pub use tasker_core::orchestration::{SubmitTask, Submitted};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A handle on an engine. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    engine: Arc<Engine>,
}

impl Client {
    /// A client of the engine in this process.
    #[must_use]
    pub fn embedded(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Checks a template's YAML and registers it; `source_name` is what faults name as the file. The same content again is
    /// no error.
    ///
    /// # Errors
    /// `template_invalid` with every fault; `template_conflict` if the version is registered with other content.
    pub async fn register_template(&self, yaml: &str, source_name: &str) -> Result<Registered> {
        Ok(self.engine.register_yaml(yaml, source_name).await?)
    }

    /// The registered versions, by namespace, name and descending version.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn templates(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<TemplateSummary>> {
        Ok(self.engine.templates(namespace, name).await?)
    }

    /// A registered template: the version asked for, or the highest.
    ///
    /// # Errors
    /// `template_not_found`.
    pub async fn template(&self, namespace: &str, name: &str, version: Option<&str>) -> Result<StoredTemplate> {
        Ok(self.engine.template(namespace, name, version).await?)
    }

    /// Stores a task, from which moment it runs.
    ///
    /// # Errors
    /// `template_not_found`, `input_invalid`, `field_invalid`; nothing is stored.
    pub async fn submit(&self, request: SubmitTask) -> Result<Submitted> {
        Ok(self.engine.submit(request).await?)
    }

    /// Stores many tasks in one transaction, at most [`tasker_core::model::limits::SUBMISSION`]. One answer for each, in
    /// order: a request that is refused does not keep the others out.
    ///
    /// # Errors
    /// `field_invalid` for too many; nothing is stored.
    pub async fn submit_many(&self, requests: Vec<SubmitTask>) -> Result<Vec<Result<Submitted>>> {
        let answers = self.engine.submit_many(requests).await?;
        Ok(answers.into_iter().map(|answer| Ok(answer?)).collect())
    }

    /// One task without its steps.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn get(&self, task_id: TaskId) -> Result<Task> {
        Ok(self.engine.task(task_id).await?)
    }

    /// Tasks that pass the filter, newest first; at most [`tasker_core::model::limits::PAGE`] on a page.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn list(&self, filter: &TaskFilter, limit: u32) -> Result<Page<Task>> {
        Ok(self.engine.tasks(filter, limit).await?)
    }

    /// The steps of a task, in the order of its template; empty for an unknown task.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn steps(&self, task_id: TaskId) -> Result<Vec<Step>> {
        Ok(self.engine.steps(task_id).await?)
    }

    /// What happened to a task after the event numbered `after_seq`; 0 for all.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn history(&self, task_id: TaskId, after_seq: i64) -> Result<Vec<Event>> {
        Ok(self.engine.history(task_id, after_seq).await?)
    }

    /// The workers that ran the attempts in a history.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn workers_of(&self, history: &[Event]) -> Result<Vec<WorkerRecord>> {
        Ok(self.engine.workers_of(history).await?)
    }

    /// Waits for the end of a task, whichever process brings it about.
    ///
    /// # Errors
    /// `task_not_ended` when the time is over; `task_not_found`.
    pub async fn wait(&self, task_id: TaskId, at_most: Duration) -> Result<Task> {
        Ok(self.engine.wait(task_id, at_most).await?)
    }

    /// Stops a task: its open steps are cancelled at once. `by` and `reason` are kept in its history.
    ///
    /// # Errors
    /// `task_not_found`; `task_ended` if it ended before.
    pub async fn cancel(&self, task_id: TaskId, by: Option<String>, reason: Option<String>) -> Result<Task> {
        Ok(self.engine.cancel(task_id, by, reason).await?)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("store", &self.engine.store().describe()).finish()
    }
}
