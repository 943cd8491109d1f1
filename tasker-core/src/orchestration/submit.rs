use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Engine, Error, Result, cache::TaskInput, group::Grouped, hand::Promise};
use crate::{
    dag::{NewTask, Submission, plan},
    model::{Json, Parent, StepId, StepState, TaskId, TraceContext, limits},
    state::{Changes, Definitions, Route},
    store::{self, Inserted, Store},
};

/// A request to run a template.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubmitTask {
    pub namespace: String,
    pub name: String,
    /// The highest registered version if not given.
    #[serde(default)]
    pub version: Option<String>,
    /// The task's input.
    #[serde(default = "empty_object")]
    pub context: Json,
    /// Higher goes first; 0 if not given.
    #[serde(default)]
    pub priority: i16,
    #[serde(default)]
    pub initiator: Option<String>,
    #[serde(default)]
    pub source_system: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub correlation_id: Option<String>,
    #[serde(default)]
    pub parent_correlation_id: Option<String>,
    /// A second submission with the same key, namespace and name answers with the task of the first.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// The trace that it belongs to, as in the header of this name (W3C Trace Context). Every handler is given it.
    #[serde(default)]
    pub traceparent: Option<String>,
    /// As in the header of this name; only with a `traceparent`.
    #[serde(default)]
    pub tracestate: Option<String>,
}

impl SubmitTask {
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, context: Json) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            version: None,
            context,
            priority: 0,
            initiator: None,
            source_system: None,
            reason: None,
            tags: Vec::new(),
            correlation_id: None,
            parent_correlation_id: None,
            idempotency_key: None,
            traceparent: None,
            tracestate: None,
        }
    }
}

/// A stored task, as the answer to its submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Submitted {
    pub task_id: TaskId,
    /// False if the idempotency key belongs to an earlier task, which is the one named here.
    pub is_new: bool,
}

/// A planned task on its way into the store, and what has begun of it.
pub(super) struct Pending {
    task: NewTask,
    begun: Changes,
}

/// What became of it, and how many tasks the transaction held: told once, with the first of them.
pub(super) struct Written {
    inserted: Inserted,
    batch: usize,
}

#[async_trait]
impl Grouped for Pending {
    type Written = Written;

    async fn write(store: &dyn Store, batch: &[Self]) -> store::Result<Vec<Written>> {
        let tasks: Vec<_> = batch.iter().map(|pending| pending.task.clone()).collect();
        let mut begun = Changes::default();
        batch.iter().for_each(|pending| begun.add(&pending.begun));
        let inserted = store.insert_begun(&tasks, &begun).await?.into_iter().enumerate();
        Ok(inserted.map(|(at, inserted)| Written { inserted, batch: if at == 0 { tasks.len() } else { 0 } }).collect())
    }
}

impl Engine {
    /// Stores a task, from which moment it runs. Concurrent submissions share transactions.
    ///
    /// # Errors
    /// [`Error::TemplateNotFound`], [`Error::InputInvalid`], [`Error::FieldInvalid`], [`Error::Store`]; nothing is stored.
    pub async fn submit(&self, request: SubmitTask) -> Result<Submitted> {
        let task = self.plan(request).await?;
        self.insert(task).await
    }

    /// Stores a planned task, together with others that come at the same time.
    pub(super) async fn insert(&self, task: NewTask) -> Result<Submitted> {
        let promise = self.promise(std::slice::from_ref(&task)).await?;
        let begun = promise.as_ref().map(|promise| promise.changes.clone()).unwrap_or_default();
        let pending = Pending { task: task.clone(), begun };
        let Written { inserted, batch } = self.submissions.write(pending).await.ok_or(Error::Closed)??;
        self.tell_stored(batch);
        Ok(self.after_insert(&[task], &[inserted], promise).await.remove(0))
    }

    /// Stores up to [`limits::SUBMISSION`] tasks in one transaction. One answer for each, in order: a request that is
    /// refused does not keep the others out.
    ///
    /// # Errors
    /// [`Error::FieldInvalid`] for too many tasks; [`Error::Store`]. Nothing is stored.
    pub async fn submit_many(&self, requests: Vec<SubmitTask>) -> Result<Vec<Result<Submitted>>> {
        if requests.len() > limits::SUBMISSION {
            let reason =
                format!("{} tasks in one submission; at most {} are taken", requests.len(), limits::SUBMISSION);
            return Err(Error::FieldInvalid { field: "tasks", reason });
        }
        let mut answers = Vec::with_capacity(requests.len());
        let mut tasks = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.plan(request).await.map(|task| tasks.push(task)));
        }
        let promise = self.promise(&tasks).await?;
        let inserted = match &promise {
            Some(promise) => self.store.insert_begun(&tasks, &promise.changes).await?,
            None if tasks.is_empty() => Vec::new(),
            None => self.store.insert_tasks(&tasks).await?,
        };
        self.tell_stored(tasks.len());
        let mut submitted = self.after_insert(&tasks, &inserted, promise).await.into_iter();
        Ok(answers.into_iter().map(|answer| answer.and_then(|()| submitted.next().ok_or(Error::Closed))).collect())
    }

    /// One transaction has stored so many tasks.
    fn tell_stored(&self, tasks: usize) {
        if let (Some(observer), 1..) = (self.observer.get(), tasks) {
            observer.stored(tasks);
        }
    }

    async fn plan(&self, request: SubmitTask) -> Result<NewTask> {
        check(&request)?;
        let trace = trace(&request)?;
        let definition = self.definition_for(&request.namespace, &request.name, request.version.as_deref()).await?;
        definition.check_input(&request.context).map_err(Error::InputInvalid)?;
        let submission = Submission {
            context: request.context,
            priority: request.priority,
            initiator: request.initiator,
            source_system: request.source_system,
            reason: request.reason,
            tags: request.tags,
            correlation_id: request.correlation_id,
            parent_correlation_id: request.parent_correlation_id,
            idempotency_key: request.idempotency_key,
            rerun_of: None,
            trace,
        };
        Ok(plan(&definition, submission))
    }

    /// Remembers tasks that steps have started, and tells who can run them; true if the engine itself has to begin one.
    pub(super) fn after_spawn(&self, tasks: &[NewTask]) -> bool {
        let mut routes = BTreeSet::new();
        let mut is_begun = false;
        for task in tasks {
            self.payloads.put_input(task.task_id, TaskInput::of(task));
            self.recall.put_new(task);
            let roots = task.steps.iter().filter(|step| step.state() == StepState::Enqueued);
            routes.extend(roots.map(|step| Route { queue: step.queue.clone(), handler: step.handler.clone() }));
            let is_due = task.steps.iter().any(|step| step.state() == StepState::Waiting);
            is_begun |= is_due || task.deadline_ms.is_some();
        }
        self.wakeups.enqueued(&routes, None);
        is_begun
    }

    async fn after_insert(&self, tasks: &[NewTask], inserted: &[Inserted], promise: Option<Promise>) -> Vec<Submitted> {
        let new = tasks.iter().zip(inserted).filter(|(_, inserted)| inserted.created().is_some()).map(|(task, _)| task);
        for task in new.clone() {
            self.payloads.put_input(task.task_id, TaskInput::of(task));
            self.recall.put_new(task);
            if let (Some(observer), Some(definition)) = (self.observer.get(), self.definitions.get(&task.template)) {
                observer.submitted(&definition.namespace, &definition.name);
            }
            let is_due = task.steps.iter().any(|step| step.state() == StepState::Waiting);
            if is_due || task.deadline_ms.is_some() {
                self.wakeups.due_changed();
            }
        }
        let handed = match promise {
            Some(promise) => self.keep(promise, inserted).await,
            None => HashSet::new(),
        };
        let mut routes = BTreeSet::new();
        for task in new {
            let roots = task.steps.iter().filter(|step| {
                step.state() == StepState::Enqueued && !handed.contains(&StepId::new(task.task_id, step.idx))
            });
            routes.extend(roots.map(|step| Route { queue: step.queue.clone(), handler: step.handler.clone() }));
        }
        self.wakeups.enqueued(&routes, None);
        self.wakeups.logged();
        let submitted = inserted
            .iter()
            .map(|inserted| Submitted { task_id: inserted.task_id(), is_new: inserted.created().is_some() });
        submitted.collect()
    }
}

impl TaskInput {
    fn of(task: &NewTask) -> Self {
        Self {
            context: task.submission.context.clone(),
            correlation_id: task.submission.correlation_id.as_deref().map(Into::into),
            trace: task.submission.trace.clone(),
            parent: task.parent.as_ref().map(Parent::step),
            root: task.parent.as_ref().map(|parent| parent.root),
        }
    }
}

fn empty_object() -> Json {
    Json::from(&serde_json::json!({}))
}

fn check(request: &SubmitTask) -> Result<()> {
    let size = request.context.size();
    if size > limits::PAYLOAD_BYTES {
        let reason =
            format!("has {size} bytes; at most {} are taken: store it elsewhere and pass where", limits::PAYLOAD_BYTES);
        return Err(Error::FieldInvalid { field: "context", reason });
    }
    let texts = [
        ("initiator", &request.initiator),
        ("source_system", &request.source_system),
        ("reason", &request.reason),
        ("correlation_id", &request.correlation_id),
        ("parent_correlation_id", &request.parent_correlation_id),
        ("idempotency_key", &request.idempotency_key),
    ];
    for (field, text) in texts {
        text.as_deref().map_or(Ok(()), |text| check_text(field, text))?;
    }
    if request.tags.len() > TAGS_MAX {
        let reason = format!("{} tags; at most {TAGS_MAX} are taken", request.tags.len());
        return Err(Error::FieldInvalid { field: "tags", reason });
    }
    request.tags.iter().try_for_each(|tag| check_text("tags", tag))
}

fn trace(request: &SubmitTask) -> Result<Option<TraceContext>> {
    let tracestate = request.tracestate.as_deref();
    let Some(traceparent) = request.traceparent.as_deref() else {
        let reason = || "says nothing without a `traceparent`".to_owned();
        return tracestate.map_or(Ok(None), |_| Err(Error::FieldInvalid { field: "tracestate", reason: reason() }));
    };
    let trace = TraceContext::parse(traceparent, tracestate);
    trace.map(Some).map_err(|(field, reason)| Error::FieldInvalid { field, reason })
}

const TEXT_BYTES: usize = 1_024;
const TAGS_MAX: usize = 64;

pub(super) fn check_text(field: &'static str, text: &str) -> Result<()> {
    let reason = if text.len() > TEXT_BYTES {
        format!("has {} bytes; at most {TEXT_BYTES} are taken", text.len())
    } else if text.contains('\0') {
        "contains a NUL character, which no database text can hold: leave it out".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::FieldInvalid { field, reason })
}
