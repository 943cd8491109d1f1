//! What an application asks of Tasker: register templates, submit tasks, look at them, wait for them, stop them.
//!
//! One [`Client`] for an engine in this process and for a server: the same methods, the same documents
//! ([`tasker_core::view`]), the same [`Error`].

mod error;
pub(crate) mod http;
mod subscription;
mod watch;
mod webhook;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tasker_core::{
    model::{Json, TaskId, Timestamp},
    orchestration::Engine,
    view::ErrorView,
};
use uuid::Uuid;

pub use error::Error;
pub use subscription::Subscription;
pub use tasker_core::{
    model::Actor,
    orchestration::{
        Action, ApiKey, CreatedKey, CreatedWebhook, Delivery, DeliveryState, NewKey, NewWebhook, RerunFrom, SubmitTask,
        Webhook,
    },
    view::{
        ActedItem, ActedView, BulkAction, BulkSubmitted, EventPage, EventQuery, EventView, NextEvent, Page,
        RegisteredView, StatsView, StepPhase, StepView, SubmittedView, TaskQuery, TaskView, TemplateDiff, TemplateView,
        TreeView, WhyView, WorkerView,
    },
};
pub use watch::Watch;

use self::http::Connection;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A handle on an engine. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    backend: Backend,
}

/// How an engine is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthView {
    /// `ok`
    pub status: String,
    /// The version of Tasker.
    pub version: String,
}

/// Where the engine is.
#[derive(Clone)]
enum Backend {
    /// In this process.
    Embedded(Arc<Engine>),
    /// Behind a server.
    Http(Connection),
}

impl Client {
    /// A client of the engine in this process. Calls must be made within a tokio runtime.
    #[must_use]
    pub fn embedded(engine: Arc<Engine>) -> Self {
        Self { backend: Backend::Embedded(engine) }
    }

    /// A client of the server at a URL (`http://127.0.0.1:8080`, `https://tasker.example.com`), with an API key where the
    /// server asks for one. Nothing is sent yet. Calls must be made within a tokio runtime; each has a time limit, and those
    /// that may be sent twice are, when an answer is lost.
    ///
    /// # Errors
    /// `api_url_invalid`, `api_key_invalid`.
    pub fn http(url: &str, key: Option<&str>) -> Result<Self> {
        Ok(Self { backend: Backend::Http(Connection::new(url, key)?) })
    }

    /// Where the engine is, for people: the address of the database or of the server, without passwords.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.backend {
            Backend::Embedded(engine) => engine.store().describe(),
            Backend::Http(connection) => connection.describe(),
        }
    }

    /// The time by the clock that tasks go by: the database's, or (as well as its answers tell) the server's.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn now(&self) -> Result<Timestamp> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.store().now().await?),
            Backend::Http(connection) => Ok(connection.now()),
        }
    }

    /// Checks a template's YAML and registers it; `source_name` is what faults name as the file. The same content again is
    /// no error.
    ///
    /// # Errors
    /// `template_invalid` with every fault; `template_conflict` if the version is registered with other content.
    pub async fn register_template(&self, yaml: &str, source_name: &str) -> Result<RegisteredView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(RegisteredView::register(engine, yaml, source_name).await?),
            Backend::Http(connection) => http::register_template(connection, yaml, source_name).await,
        }
    }

    /// The registered versions without their definitions, by namespace, name and descending version.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn templates(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<TemplateView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TemplateView::list(engine, namespace, name).await?),
            Backend::Http(connection) => http::templates(connection, namespace, name).await,
        }
    }

    /// A registered template with its definition: the version asked for, or the highest.
    ///
    /// # Errors
    /// `template_not_found`.
    pub async fn template(&self, namespace: &str, name: &str, version: Option<&str>) -> Result<TemplateView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TemplateView::load(engine, namespace, name, version).await?),
            Backend::Http(connection) => http::template(connection, namespace, name, version).await,
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
            Backend::Http(connection) => http::template_diff(connection, namespace, name, from, to).await,
        }
    }

    /// Stores a task, from which moment it runs.
    ///
    /// # Errors
    /// `template_not_found`, `input_invalid`, `field_invalid`; nothing is stored.
    pub async fn submit(&self, request: SubmitTask) -> Result<SubmittedView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(SubmittedView::submit(engine, request).await?),
            Backend::Http(connection) => http::submit(connection, &request).await,
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
            Backend::Http(connection) => http::submit_many(connection, &requests).await,
        }
    }

    /// One task with its steps.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn get(&self, task_id: TaskId) -> Result<TaskView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TaskView::load(engine, task_id).await?),
            Backend::Http(connection) => http::get(connection, task_id).await,
        }
    }

    /// One page of tasks without their steps, newest first.
    ///
    /// # Errors
    /// `field_invalid` for a query that means nothing.
    pub async fn list(&self, query: &TaskQuery) -> Result<Page<TaskView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TaskView::list(engine, query).await?),
            Backend::Http(connection) => http::list(connection, query).await,
        }
    }

    /// The steps of a task, in the order of its template.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn steps(&self, task_id: TaskId) -> Result<Vec<StepView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(StepView::list(engine, task_id).await?),
            Backend::Http(connection) => http::steps(connection, task_id).await,
        }
    }

    /// The parts of a step whose work is split, in order, from the one with the number `from` on; the page's `next` is the number
    /// to go on from. At most 1,000 on a page.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn parts(&self, step: &StepView, from: u32, limit: u32) -> Result<Page<StepView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(StepView::parts(engine, step.task_uuid, step.step_idx, from, limit).await?),
            Backend::Http(connection) => http::parts(connection, step, from, limit).await,
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
            Backend::Http(connection) => http::history(connection, task_id, after_seq).await,
        }
    }

    /// What happens to a task after the event numbered `after_seq` (0 for all), as it happens, up to the task's end.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn watch(&self, task_id: TaskId, after_seq: i64) -> Result<Watch> {
        match &self.backend {
            Backend::Embedded(engine) => Watch::embedded(Arc::clone(engine), task_id, after_seq).await,
            Backend::Http(connection) => Ok(Watch::http(http::watch(connection, task_id, after_seq).await?)),
        }
    }

    /// What happens next to any task: a page of events, behind a cursor or where a subscription goes on; waits where there is
    /// nothing yet, as long as the query says.
    ///
    /// # Errors
    /// `field_invalid`.
    pub async fn next_events(&self, query: &EventQuery) -> Result<EventPage> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(EventPage::load(engine, query).await?),
            Backend::Http(connection) => http::next_events(connection, query).await,
        }
    }

    /// What happens to all tasks, event by event.
    #[must_use]
    pub fn subscribe(&self, query: EventQuery) -> Subscription {
        Subscription::new(self.clone(), query)
    }

    /// Waits for the end of a task, whichever process brings it about.
    ///
    /// # Errors
    /// `task_not_ended` when the time is over; `task_not_found`.
    pub async fn wait(&self, task_id: TaskId, at_most: Duration) -> Result<TaskView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TaskView::wait(engine, task_id, at_most).await?),
            Backend::Http(connection) => http::wait(connection, task_id, at_most).await,
        }
    }

    /// Like [`wait`](Self::wait), but the answer is without the steps, so that they need not be read.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub async fn wait_briefly(&self, task_id: TaskId, at_most: Duration) -> Result<TaskView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TaskView::brief(engine.wait(task_id, at_most).await?)),
            Backend::Http(_) => Ok(TaskView { steps: None, ..self.wait(task_id, at_most).await? }),
        }
    }

    /// Why a task and each of its open steps stand where they stand, since when, and what would move them.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn why(&self, task_id: TaskId) -> Result<WhyView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(WhyView::load(engine, task_id).await?),
            Backend::Http(connection) => http::why(connection, task_id).await,
        }
    }

    /// Whether the engine can do its work: its database answers and has the schema of this version.
    ///
    /// # Errors
    /// What is wrong: `database_unavailable`, `schema_mismatch`, `server_unreachable`, `shutting_down`.
    pub async fn health(&self) -> Result<HealthView> {
        match &self.backend {
            Backend::Embedded(engine) => {
                engine.check_ready().await?;
                Ok(HealthView { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
            }
            Backend::Http(connection) => connection.get(connection.url(["health", "ready"])).await,
        }
    }

    /// A task and all that run for its steps, theirs too, with the states of their steps; without inputs and results.
    ///
    /// # Errors
    /// `task_not_found`.
    pub async fn tree(&self, task_id: TaskId) -> Result<TreeView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(TreeView::load(engine, task_id).await?),
            Backend::Http(connection) => http::tree(connection, task_id).await,
        }
    }

    /// How many tasks are in each state, how deep the queues are, how many workers there are.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn stats(&self) -> Result<StatsView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(StatsView::load(engine).await?),
            Backend::Http(connection) => connection.get(connection.url(["v1", "stats"])).await,
        }
    }

    /// Workers that were heard of in the last quarter of an hour, the latest first.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn workers(&self) -> Result<Vec<WorkerView>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(WorkerView::list(engine).await?),
            Backend::Http(connection) => http::workers(connection).await,
        }
    }

    /// API keys, the newest first, ended ones too; without their secrets.
    ///
    /// # Errors
    /// `permission_missing`, `database_unavailable`.
    pub async fn keys(&self) -> Result<Vec<ApiKey>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.keys().await?),
            Backend::Http(connection) => http::keys(connection).await,
        }
    }

    /// Makes an API key, whose secret is in this answer and never again.
    ///
    /// # Errors
    /// `field_invalid`; `permission_missing`.
    pub async fn create_key(&self, new: NewKey) -> Result<CreatedKey> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.create_key(new).await?),
            Backend::Http(connection) => http::create_key(connection, &new).await,
        }
    }

    /// Ends an API key; within five seconds no server takes it any more.
    ///
    /// # Errors
    /// `key_not_found` if there is none, or it was ended before; `permission_missing`.
    pub async fn revoke_key(&self, key_id: Uuid, actor: &Actor) -> Result<()> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.revoke_key(key_id, actor).await?),
            Backend::Http(connection) => http::revoke_key(connection, key_id, actor).await,
        }
    }

    /// Does the same to many tasks. Each has its own outcome: one that is refused does not keep the others back.
    ///
    /// # Errors
    /// `field_invalid` unless there are either ids or a filter, or for too many.
    pub async fn act(&self, request: BulkAction) -> Result<ActedView> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(ActedView::act(engine, request).await?),
            Backend::Http(connection) => http::act(connection, &request).await,
        }
    }

    /// Does one thing to one task, and answers the task afterwards; of a `rerun`, the new task.
    ///
    /// # Errors
    /// `task_not_found`; `task_ended`, `task_unfit`, `step_unfit` and others where it does not fit.
    pub async fn operate(&self, task_id: TaskId, action: Action, actor: Actor) -> Result<TaskView> {
        let acted = self.act(BulkAction::of_task(task_id, action, actor)).await?;
        match acted.items.into_iter().next() {
            Some(ActedItem { error: Some(error), .. }) => Err(error.into()),
            Some(ActedItem { rerun_uuid, .. }) => self.get(rerun_uuid.unwrap_or(task_id)).await,
            None => Err(ErrorView::unreadable("it says nothing of the task").into()),
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
            Backend::Http(connection) => http::signal(connection, task_id, name, payload, by).await,
        }
    }

    /// Stops a task: its open steps are cancelled at once.
    ///
    /// # Errors
    /// `task_not_found`; `task_ended` if it ended before.
    pub async fn cancel(&self, task_id: TaskId, actor: Actor) -> Result<TaskView> {
        self.operate(task_id, Action::Cancel, actor).await
    }

    /// Lets no further step of a task start; running attempts go on.
    ///
    /// # Errors
    /// `task_not_found`, `task_ended`; `task_unfit` if it is paused.
    pub async fn pause(&self, task_id: TaskId, actor: Actor) -> Result<TaskView> {
        self.operate(task_id, Action::Pause, actor).await
    }

    /// Lets a paused task go on.
    ///
    /// # Errors
    /// `task_not_found`, `task_ended`; `task_unfit` if it is not paused.
    pub async fn resume(&self, task_id: TaskId, actor: Actor) -> Result<TaskView> {
        self.operate(task_id, Action::Resume, actor).await
    }

    /// Lets the step of this name, or every failed one, run again with all its attempts anew; a failed task goes on.
    ///
    /// # Errors
    /// `task_not_found`, `task_ended`, `step_not_found`, `step_unfit`, `step_doomed`, `nothing_failed`.
    pub async fn retry(&self, task_id: TaskId, step: Option<&str>, actor: Actor) -> Result<TaskView> {
        self.operate(task_id, Action::Retry { step: step.map(str::to_owned) }, actor).await
    }

    /// Closes the step of this name, or every failed one, by hand; what waits for it goes on.
    ///
    /// # Errors
    /// As [`Self::retry`]; `result_invalid`.
    pub async fn resolve_step(
        &self,
        task_id: TaskId,
        step: Option<&str>,
        result: Option<Json>,
        actor: Actor,
    ) -> Result<TaskView> {
        self.operate(task_id, Action::ResolveStep { step: step.map(str::to_owned), result }, actor).await
    }

    /// Runs an ended task again from one of its steps, as a new one that takes over what was done apart from that step and all
    /// that depend on it; answers the new one.
    ///
    /// # Errors
    /// `task_not_found`, `task_unfit`, `step_not_found`, `input_invalid`, `result_invalid`; `field_invalid` where a step before
    /// has no result.
    pub async fn rerun_from(&self, task_id: TaskId, request: RerunFrom, actor: Actor) -> Result<TaskView> {
        let submitted = match &self.backend {
            Backend::Embedded(engine) => engine.rerun_from(task_id, request, actor).await?.task_id,
            Backend::Http(connection) => http::rerun_from(connection, task_id, &request, actor).await?.task_uuid,
        };
        self.get(submitted).await
    }

    /// Runs an ended task again, as a new one with the same input; answers the new one.
    ///
    /// # Errors
    /// `task_not_found`; `task_unfit` if it has not ended.
    pub async fn rerun(&self, task_id: TaskId, actor: Actor) -> Result<TaskView> {
        self.operate(task_id, Action::Rerun, actor).await
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.describe()).finish()
    }
}
