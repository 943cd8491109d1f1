use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::columns::Columns;
use crate::{
    dag::TemplateKey,
    model::{StepId, StepState, TaskCounts, TaskId, TaskState, TemplateId, Timestamp, WorkerId},
    state::{Snapshot, StepSnapshot, TaskSnapshot},
    store::{Error, Result},
};

/// The snapshot in the answer of `load_scope` or `load_candidates`: a list of tasks and a list of steps, as JSON.
pub(super) fn snapshot(row: &SqliteRow, now: Timestamp) -> Result<Snapshot> {
    let mut columns = Columns::new(row, "a task or step");
    let tasks: Vec<TaskRow> = columns.decoded()?;
    let steps: Vec<StepRow> = columns.decoded()?;
    let mut tasks = tasks.into_iter().map(TaskRow::read).collect::<Result<Vec<_>>>()?;
    let by_id: HashMap<_, _> = tasks.iter().enumerate().map(|(at, task)| (task.task_id, at)).collect();
    for step in steps {
        let step = step.read()?;
        if let Some(at) = by_id.get(&step.id.task_id) {
            tasks[*at].steps.push(step);
        }
    }
    for task in &mut tasks {
        task.steps.sort_unstable_by_key(|step| step.id.idx);
        task.is_whole = task.holds_every_step();
    }
    Ok(Snapshot { now, tasks, candidates_loaded: false, values: HashMap::new() })
}

/// The columns of a task, in the order in which the statements list them.
#[derive(Deserialize)]
struct TaskRow {
    id: Uuid,
    template_id: Uuid,
    environment: Option<Arc<str>>,
    state: TaskState,
    priority: i16,
    total: u32,
    done: u32,
    active: u32,
    failed: u32,
    seq: i64,
    completed_at: Option<i64>,
    deadline_at: Option<i64>,
    error: Option<String>,
    flow: Option<String>,
}

impl TaskRow {
    fn read(self) -> Result<TaskSnapshot> {
        let Self { id, template_id, environment, state, priority, total, done, active, failed, seq, .. } = self;
        let task_id = TaskId(id);
        Ok(TaskSnapshot {
            task_id,
            template: TemplateKey { id: TemplateId(template_id), environment },
            state,
            priority,
            counts: TaskCounts { total, done, active, failed },
            seq,
            completed_at: self.completed_at.map(Timestamp::from_micros),
            deadline_at: self.deadline_at.map(Timestamp::from_micros),
            error: nested("the error of a task", self.error.as_deref())?,
            flow: nested("where a task stands in a flow", self.flow.as_deref())?.map(Arc::new),
            steps: Vec::new(),
            is_whole: false,
        })
    }
}

/// The columns of a step, in the order in which the statements list them.
#[derive(Deserialize)]
struct StepRow {
    task_id: Uuid,
    idx: u32,
    name: Arc<str>,
    queue: Arc<str>,
    handler: Arc<str>,
    state: StepState,
    attempt: u32,
    failures: u32,
    losses: u32,
    unmet: u32,
    dependents: Option<String>,
    due_at: Option<i64>,
    worker_id: Option<Uuid>,
    started_at: Option<i64>,
    error: Option<String>,
    flow: Option<String>,
}

impl StepRow {
    fn read(self) -> Result<StepSnapshot> {
        let Self { task_id, idx, name, queue, handler, state, attempt, failures, losses, unmet, .. } = self;
        let dependents: Option<Vec<u32>> = nested("the dependents of a step", self.dependents.as_deref())?;
        Ok(StepSnapshot {
            id: StepId::new(TaskId(task_id), idx),
            name,
            queue,
            handler,
            state,
            attempt,
            failures,
            losses,
            unmet,
            dependents: dependents.unwrap_or_default().into(),
            due_at: self.due_at.map(Timestamp::from_micros),
            worker_id: self.worker_id.map(WorkerId),
            started_at: self.started_at.map(Timestamp::from_micros),
            error: nested("the error of a step", self.error.as_deref())?,
            flow: nested("where a step stands in a flow", self.flow.as_deref())?.map(Arc::new),
        })
    }
}

fn nested<T: DeserializeOwned>(what: &str, text: Option<&str>) -> Result<Option<T>> {
    text.map(serde_json::from_str).transpose().map_err(|error| Error::Corrupt(format!("{what}: {error}")))
}
