//! What an application asks of Tasker: register templates, submit tasks, look at them, wait for them, stop them.
//!
//! One [`Client`] for an engine in this process and for a server: the same methods, the same documents
//! ([`tasker_core::view`]), the same [`Error`].

mod error;
mod watch;

use std::{sync::Arc, time::Duration};

use tasker_core::{
    model::{Actor, Json, TaskId},
    orchestration::Engine,
};

pub use error::Error;
pub use tasker_core::{
    orchestration::SubmitTask,
    view::{
        BulkSubmitted, EventView, Page, RegisteredView, StepView, SubmittedView, TaskQuery, TaskView, TemplateDiff,
        TemplateView, WorkerView,
    },
};
pub use watch::Watch;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A handle on an engine. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    backend: Backend,
}

/// Where the engine is.
#[derive(Clone)]
enum Backend {
    /// In this process.
    Embedded(Arc<Engine>),
}

impl Client {
    /// A client of the engine in this process. Calls must be made within a tokio runtime.
    #[must_use]
    pub fn embedded(engine: Arc<Engine>) -> Self {
        Self { backend: Backend::Embedded(engine) }
    }

    /// Checks a template's YAML and registers it; `source_name` is what faults name as the file. The same content again is
    /// no error.
    ///
    /// # Errors
    /// `template_invalid` with every fault; `template_conflict` if the version is registered with other content.
    pub async fn register_template(&self, yaml: &str, source_name: &str) -> Result<RegisteredView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(RegisteredView::register(engine, yaml, source_name).await?),
        }
    }

    /// The registered versions without their definitions, by namespace, name and descending version.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn templates(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<TemplateView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TemplateView::list(engine, namespace, name).await?),
        }
    }

    /// A registered template with its definition: the version asked for, or the highest.
    ///
    /// # Errors
    /// `template_not_found`.
    pub async fn template(&self, namespace: &str, name: &str, version: Option<&str>) -> Result<TemplateView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TemplateView::load(engine, namespace, name, version).await?),
        }
    }

    /// What changed between two registered versions of a template; `to` is the highest if not given.
    ///
    /// # Errors
    /// `template_not_found`.
    pub async fn template_diff(
        &self,
        namespace: &str,
        name: &str,
        from: &str,
        to: Option<&str>,
    ) -> Result<TemplateDiff> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TemplateDiff::load(engine, namespace, name, from, to).await?),
        }
    }

    /// Stores a task, from which moment it runs.
    ///
    /// # Errors
    /// `template_not_found`, `input_invalid`, `field_invalid`; nothing is stored.
    pub async fn submit(&self, request: SubmitTask) -> Result<SubmittedView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(SubmittedView::submit(engine, request).await?),
        }
    }

    /// Stores many tasks in one transaction, at most [`tasker_core::model::limits::SUBMISSION`]. One answer for each, in
    /// order: a request that is refused does not keep the others out.
    ///
    /// # Errors
    /// `field_invalid` for too many; nothing is stored.
    pub async fn submit_many(&self, requests: Vec<SubmitTask>) -> Result<BulkSubmitted> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(BulkSubmitted::submit(engine, requests).await?),
        }
    }

    /// One task with its steps.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn get(&self, task_id: TaskId) -> Result<TaskView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TaskView::load(engine, task_id).await?),
        }
    }

    /// One page of tasks without their steps, newest first.
    ///
    /// # Errors
    /// `field_invalid` for a query that means nothing.
    pub async fn list(&self, query: &TaskQuery) -> Result<Page<TaskView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TaskView::list(engine, query).await?),
        }
    }

    /// The steps of a task, in the order of its template.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn steps(&self, task_id: TaskId) -> Result<Vec<StepView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(StepView::list(engine, task_id).await?),
        }
    }

    /// What happened to a task after the event numbered `after_seq` (0 for all); the page's `next` is the number to go on
    /// behind.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn history(&self, task_id: TaskId, after_seq: i64) -> Result<Page<EventView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(EventView::history(engine, task_id, after_seq).await?),
        }
    }

    /// What happens to a task after the event numbered `after_seq` (0 for all), as it happens, up to the task's end.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn watch(&self, task_id: TaskId, after_seq: i64) -> Result<Watch> {
        match &self.backend {
            Backend::Embedded(engine) => Watch::embedded(Arc::clone(engine), task_id, after_seq).await,
        }
    }

    /// Waits for the end of a task, whichever process brings it about.
    ///
    /// # Errors
    /// `task_not_ended` when the time is over; `task_not_found`.
    pub async fn wait(&self, task_id: TaskId, at_most: Duration) -> Result<TaskView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TaskView::wait(engine, task_id, at_most).await?),
        }
    }

    /// Sends a signal to a task, for the first step that waits for it and has none yet; it may come before the wait. `by` is
    /// kept with it.
    ///
    /// # Errors
    /// `task_not_found`; `task_ended`; `signal_unknown` if no step waits for that name; `signal_invalid` if the payload does
    /// not satisfy the step's schema.
    pub async fn signal(&self, task_id: TaskId, name: &str, payload: Json, by: Option<String>) -> Result<TaskView> {
        match &self.backend {
            Backend::Embedded(engine) => {
                let task = engine.signal(task_id, name, payload, by).await?;
                Ok(TaskView::with_steps(engine, task).await?)
            }
        }
    }

    /// Stops a task: its open steps are cancelled at once. `by` and `reason` are kept in its history.
    ///
    /// # Errors
    /// `task_not_found`; `task_ended` if it ended before.
    pub async fn cancel(&self, task_id: TaskId, by: Option<String>, reason: Option<String>) -> Result<TaskView> {
        match &self.backend {
            Backend::Embedded(engine) => {
                let task = engine.cancel(task_id, Actor { by, reason }).await?;
                Ok(TaskView::with_steps(engine, task).await?)
            }
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.backend {
            Backend::Embedded(engine) => f.debug_struct("Client").field("store", &engine.store().describe()).finish(),
        }
    }
}
