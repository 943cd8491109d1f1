use serde::{Deserialize, Serialize};

use crate::{
    dag::{TemplateKey, TemplateName},
    model::{BatchPart, Checkpoint, Json, Parent, StepId, TaskId, TemplateId, Timestamp, TraceContext, WorkerId},
    state::{Changes, Route, Scope},
    template::Template,
};

/// One step of the schema's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    pub version: i64,
    pub name: String,
    pub sql: &'static str,
    pub is_applied: bool,
}

/// A template version to register.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    pub id: TemplateId,
    pub template: Template,
    /// The canonical form; two templates are the same if and only if these texts are.
    pub definition: Json,
    /// The queues and handlers of its steps, without doubles.
    pub routes: Vec<Route>,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutTemplate {
    Created(TemplateId),
    /// The version was registered before with the same content.
    Unchanged(TemplateId),
    /// The version was registered before with other content, and stays as it is.
    Conflict(TemplateId),
}

/// A registered template version.
#[derive(Clone, Debug)]
pub struct StoredTemplate {
    pub id: TemplateId,
    pub template: Template,
    pub created_at: Timestamp,
}

/// A registered template version without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemplateSummary {
    pub id: TemplateId,
    pub namespace: String,
    pub name: String,
    pub version: String,
    pub description: Option<String>,
    pub created_at: Timestamp,
}

/// What became of a new task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    Created(TaskId),
    /// The idempotency key belongs to this task.
    Existing(TaskId),
}

impl Inserted {
    #[must_use]
    pub fn task_id(self) -> TaskId {
        match self {
            Self::Created(id) | Self::Existing(id) => id,
        }
    }

    /// The task, if it was stored.
    #[must_use]
    pub fn created(&self) -> Option<TaskId> {
        match self {
            Self::Created(id) => Some(*id),
            Self::Existing(_) => None,
        }
    }
}

/// How a transaction ended.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every answer is the large one")]
pub enum Transacted {
    /// Committed, with these changes.
    Done(Changes),
    /// Rolled back: load these templates and come again.
    NeedsTemplates(Vec<TemplateKey>),
    /// Rolled back: look up these templates by name, and come again.
    NeedsNamed(Vec<TemplateName>),
    /// Rolled back: come again with these tasks too, which have to be locked in order.
    NeedsTasks(Vec<Scope>),
}

/// What has fallen due.
#[derive(Clone, Debug, Default)]
pub struct Due {
    pub steps: Vec<StepId>,
    pub tasks: Vec<TaskId>,
    /// The earliest time at which something else falls due: now, if more is due than was asked for; none if nothing waits.
    pub next_at: Option<Timestamp>,
}

impl Due {
    /// What was found, in the order in which each kind fell due, cut to `limit`. One more than `limit` tells that there is more.
    /// Without an index it is a task, and without a task the earliest time to come.
    pub(super) fn new(
        found: impl Iterator<Item = super::Result<(Option<TaskId>, Option<u32>, Option<Timestamp>)>>,
        limit: u32,
    ) -> super::Result<Self> {
        let (mut steps, mut tasks, mut next_at) = (Vec::new(), Vec::new(), None);
        for found in found {
            match found? {
                (Some(task_id), Some(idx), Some(due_at)) => steps.push((StepId::new(task_id, idx), due_at)),
                (Some(task_id), None, Some(due_at)) => tasks.push((task_id, due_at)),
                (_, _, due_at) => next_at = due_at,
            }
        }
        let left_over = [cut(&mut steps, limit), cut(&mut tasks, limit), next_at];
        Ok(Self {
            steps: steps.into_iter().map(|(id, _)| id).collect(),
            tasks: tasks.into_iter().map(|(id, _)| id).collect(),
            next_at: left_over.into_iter().flatten().min(),
        })
    }
}

/// Answers when the first of what is cut off fell due.
fn cut<T>(found: &mut Vec<(T, Timestamp)>, limit: u32) -> Option<Timestamp> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.get(limit).map(|(_, due_at)| *due_at);
    found.truncate(limit);
    next
}

/// Payloads of one task.
#[derive(Clone, Debug)]
pub struct PayloadRequest {
    pub task_id: TaskId,
    /// Whether the task's own input is wanted.
    pub with_context: bool,
    /// The steps whose results are wanted.
    pub steps: Vec<u32>,
    /// The steps of which the results of all parts are wanted.
    pub parts: Vec<u32>,
    /// The steps whose own work is wanted: their part of a batch, and what an earlier attempt has stored.
    pub work: Vec<u32>,
}

impl PayloadRequest {
    /// A request that wants nothing yet.
    #[must_use]
    pub fn new(task_id: TaskId) -> Self {
        Self { task_id, with_context: false, steps: Vec::new(), parts: Vec::new(), work: Vec::new() }
    }
}

/// The answer to a [`PayloadRequest`].
#[derive(Clone, Debug, Default)]
pub struct Payload {
    pub context: Option<Json>,
    pub correlation_id: Option<String>,
    /// The step of another task that the task runs for.
    pub parent: Option<Parent>,
    /// The trace that the task belongs to.
    pub trace: Option<TraceContext>,
    /// Results by the step's index, ascending.
    pub results: Vec<(u32, Json)>,
    /// Results of parts by their index, ascending for each step that was asked for.
    pub parts: Vec<(u32, Json)>,
    /// By the step's index, ascending.
    pub work: Vec<(u32, Work)>,
}

/// What one step is to do besides what its template says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    pub part: Option<BatchPart>,
    pub checkpoint: Option<Checkpoint>,
}

/// Connections of one kind to a database, in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What they are for.
    pub name: &'static str,
    pub busy: u64,
    pub idle: u64,
    /// So many there may be.
    pub limit: u64,
}

/// Counters of a database; only the difference of two readings says something. Whatever else uses the server counts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Transactions that wrote something: each costs the database a write to its log.
    pub commits: i64,
    /// All transactions, also those that only read. A connection may count its last ones when it is closed.
    pub transactions: i64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: i64,
}

/// A worker process, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct WorkerRecord {
    pub worker_id: WorkerId,
    pub host: String,
    pub pid: u32,
    /// `rust`, `python`, `ruby` or `typescript`.
    pub language: String,
    pub slots: u32,
    pub handlers: Vec<String>,
    /// Empty for every queue.
    pub queues: Vec<String>,
}
