//! The engine's answers as documents: what the API and a client in the same process both ask for.

use std::time::Duration;

use uuid::Uuid;

use super::{
    BulkSubmitted, EventView, RegisteredView, StepView, SubmittedView, TaskQuery, TaskView, TemplateDiff, TemplateView,
    WorkerView,
};
use crate::{
    model::{Page, StepId, Task, TaskId},
    orchestration::{Engine, Result, SubmitTask},
    template,
};

impl SubmittedView {
    /// Stores a task.
    ///
    /// # Errors
    /// As [`Engine::submit`].
    pub async fn submit(engine: &Engine, request: SubmitTask) -> Result<Self> {
        Ok(engine.submit(request).await?.into())
    }
}

impl BulkSubmitted {
    /// Stores many tasks in one transaction.
    ///
    /// # Errors
    /// As [`Engine::submit_many`].
    pub async fn submit(engine: &Engine, requests: Vec<SubmitTask>) -> Result<Self> {
        Ok(Self::new(engine.submit_many(requests).await?))
    }
}

impl TaskView {
    /// One task with its steps.
    ///
    /// # Errors
    /// As [`Engine::task`].
    pub async fn load(engine: &Engine, task_id: TaskId) -> Result<Self> {
        Self::with_steps(engine, engine.task(task_id).await?).await
    }

    /// A task at its end, with its steps.
    ///
    /// # Errors
    /// As [`Engine::wait`].
    pub async fn wait(engine: &Engine, task_id: TaskId, at_most: Duration) -> Result<Self> {
        Self::with_steps(engine, engine.wait(task_id, at_most).await?).await
    }

    /// One page of tasks, newest first.
    ///
    /// # Errors
    /// As [`TaskQuery::filter`] and [`Engine::tasks`].
    pub async fn list(engine: &Engine, query: &TaskQuery) -> Result<Page<Self>> {
        let page = engine.tasks(&query.filter()?, query.limit()?).await?;
        Ok(Page { items: page.items.into_iter().map(Self::brief).collect(), next: page.next })
    }

    /// A task that was loaded before, with its steps.
    ///
    /// # Errors
    /// As [`Engine::steps`].
    pub async fn with_steps(engine: &Engine, task: Task) -> Result<Self> {
        let definition = engine.definition_of(&task).await?;
        let steps = engine.steps(task.task_id).await?;
        let parts = engine.count_parts(task.task_id, &definition).await?;
        Ok(Self::full(task, steps, &parts, &definition))
    }
}

impl StepView {
    /// The steps of a task, in the order of its template.
    ///
    /// # Errors
    /// As [`Engine::task`].
    pub async fn list(engine: &Engine, task_id: TaskId) -> Result<Vec<Self>> {
        let definition = engine.definition_of(&engine.task(task_id).await?).await?;
        let parts = engine.count_parts(task_id, &definition).await?;
        Ok(Self::all(engine.steps(task_id).await?, &parts, &definition))
    }

    /// One step of a task, which may be a part; none if it has no such step.
    ///
    /// # Errors
    /// As [`Engine::task`].
    pub async fn load(engine: &Engine, task_id: TaskId, step_uuid: Uuid) -> Result<Option<Self>> {
        let definition = engine.definition_of(&engine.task(task_id).await?).await?;
        let Some(id) = StepId::of_uuid(task_id, step_uuid) else { return Ok(None) };
        let Some(step) = engine.step(id).await? else { return Ok(None) };
        let parts = engine.count_parts(task_id, &definition).await?;
        Ok(Self::all(vec![step], &parts, &definition).pop())
    }

    /// Parts of a step, in order, from the one with the number `from` on.
    ///
    /// # Errors
    /// As [`Engine::task`].
    pub async fn parts(engine: &Engine, task_id: TaskId, step: u32, from: u32, limit: u32) -> Result<Page<Self>> {
        let definition = engine.definition_of(&engine.task(task_id).await?).await?;
        let page = engine.parts(task_id, step, from, limit).await?;
        Ok(Page { items: Self::all(page.items, &[], &definition), next: page.next })
    }
}

impl EventView {
    /// What happened to a task after the event numbered `after_seq` (0 for all); `next` is the number to go on behind.
    ///
    /// # Errors
    /// As [`Engine::task`] and [`Engine::history`].
    pub async fn history(engine: &Engine, task_id: TaskId, after_seq: i64) -> Result<Page<Self>> {
        let task = engine.task(task_id).await?;
        Self::history_of(engine, &task, after_seq).await
    }

    /// The same of a task that was loaded before.
    ///
    /// # Errors
    /// As [`Engine::history`].
    pub async fn history_of(engine: &Engine, task: &Task, after_seq: i64) -> Result<Page<Self>> {
        let definition = engine.definition_of(task).await?;
        let events = engine.history(task.task_id, after_seq).await?;
        // What has happened since the task was loaded is for the next one to ask.
        let next = events.last().filter(|last| last.seq < task.seq).map(|event| event.seq.to_string());
        let items = events.into_iter().map(|event| Self::new(event, &definition)).collect();
        Ok(Page { items, next })
    }
}

impl RegisteredView {
    /// Checks a template's YAML and registers it; `source_name` is what faults name as the file.
    ///
    /// # Errors
    /// As [`Engine::register_yaml`].
    pub async fn register(engine: &Engine, yaml: &str, source_name: &str) -> Result<Self> {
        let template = template::parse(yaml, source_name)?;
        let registered = engine.register(&template).await?;
        Ok(Self::new(registered, template))
    }
}

impl TemplateView {
    /// The registered versions, by namespace, name and descending version, without their definitions.
    ///
    /// # Errors
    /// As [`Engine::templates`].
    pub async fn list(engine: &Engine, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<Self>> {
        Ok(engine.templates(namespace, name).await?.into_iter().map(Self::from).collect())
    }

    /// A registered template with its definition: the version asked for, or the highest.
    ///
    /// # Errors
    /// As [`Engine::template`].
    pub async fn load(engine: &Engine, namespace: &str, name: &str, version: Option<&str>) -> Result<Self> {
        Ok(engine.template(namespace, name, version).await?.into())
    }
}

impl TemplateDiff {
    /// Compares two registered versions; the highest where none is named.
    ///
    /// # Errors
    /// As [`Engine::template`].
    pub async fn load(engine: &Engine, namespace: &str, name: &str, from: &str, to: Option<&str>) -> Result<Self> {
        let before = engine.template(namespace, name, Some(from)).await?;
        let after = engine.template(namespace, name, to).await?;
        Ok(Self::of(&before.template, &after.template))
    }
}

/// Workers that were not heard of for longer are not listed.
const WORKERS_WITHIN: Duration = Duration::from_secs(15 * 60);

impl WorkerView {
    /// Workers that were heard of in the last quarter of an hour, the latest first.
    ///
    /// # Errors
    /// As [`Engine::workers`].
    pub async fn list(engine: &Engine) -> Result<Vec<Self>> {
        Ok(engine.workers(WORKERS_WITHIN).await?.into_iter().map(Self::from).collect())
    }
}
