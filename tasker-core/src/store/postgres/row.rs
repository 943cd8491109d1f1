//! Rows as they come from PostgreSQL, made into the types of the model.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use serde::de::DeserializeOwned;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    dag::TemplateKey,
    model::{
        EventBatch, Fact, Json, Step, StepId, StepState, Task, TaskCounts, TaskId, TemplateId, Timestamp, WorkerId,
    },
    state::{Snapshot, StepSnapshot, TaskSnapshot},
    store::{Error, Result, TemplateSummary},
};

/// What `load_scope` and `load_candidates` read.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    /// A task changed between the statement's snapshot and its lock, so that its steps are old.
    pub(super) is_stale: bool,
}

/// Rows are ordered by task and step; a task's own row has no `idx` and comes before those of its steps.
pub(super) fn loaded(rows: &[PgRow]) -> Result<Loaded> {
    // Without a task there is nothing whose time could matter.
    let now = rows.first().map_or(Ok(Timestamp::from_micros(0)), |row| row.try_get("now"))?;
    let mut tasks: Vec<TaskSnapshot> = Vec::new();
    let mut is_stale = false;
    for row in rows {
        let task_id = TaskId(row.try_get("task_id")?);
        match row.try_get::<Option<i32>, _>("idx")? {
            None => {
                is_stale |= row.try_get::<bool, _>("is_stale")?;
                tasks.push(task_snapshot(row, task_id)?);
            }
            Some(idx) => {
                let step = step_snapshot(row, StepId::new(task_id, unsigned(idx)))?;
                if let Some(task) = tasks.last_mut().filter(|task| task.task_id == task_id) {
                    task.steps.push(step);
                }
            }
        }
    }
    for task in &mut tasks {
        task.is_whole = task.holds_every_step();
    }
    Ok(Loaded { snapshot: Snapshot { now, tasks, candidates_loaded: false, values: HashMap::new() }, is_stale })
}

fn task_snapshot(row: &PgRow, task_id: TaskId) -> Result<TaskSnapshot> {
    Ok(TaskSnapshot {
        task_id,
        template: TemplateKey {
            id: TemplateId(row.try_get("template_id")?),
            environment: row.try_get::<Option<&str>, _>("environment")?.map(Arc::from),
        },
        state: word(row, "state")?,
        priority: row.try_get("priority")?,
        counts: counts(row)?,
        seq: row.try_get("seq")?,
        completed_at: row.try_get("completed_at")?,
        deadline_at: row.try_get("deadline_at")?,
        error: structured(row, "error")?,
        flow: structured(row, "flow")?.map(Arc::new),
        steps: Vec::new(),
        is_whole: false,
    })
}

fn step_snapshot(row: &PgRow, id: StepId) -> Result<StepSnapshot> {
    Ok(StepSnapshot {
        id,
        name: text(row, "name")?,
        queue: text(row, "queue")?,
        handler: text(row, "handler")?,
        state: word(row, "state")?,
        attempt: count(row, "attempt")?,
        failures: count(row, "failures")?,
        losses: count(row, "losses")?,
        unmet: count(row, "unmet")?,
        dependents: dependents(row)?.into(),
        due_at: row.try_get("due_at")?,
        worker_id: row.try_get::<Option<Uuid>, _>("worker_id")?.map(WorkerId),
        started_at: row.try_get("started_at")?,
        error: structured(row, "error")?,
        flow: structured(row, "flow")?.map(Arc::new),
    })
}

pub(super) fn task(row: &PgRow) -> Result<Task> {
    Ok(Task {
        task_id: TaskId(row.try_get("id")?),
        namespace: row.try_get("namespace")?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        template_id: TemplateId(row.try_get("template_id")?),
        environment: row.try_get("environment")?,
        state: word(row, "state")?,
        priority: row.try_get("priority")?,
        context: json(row, "context")?.unwrap_or_else(Json::null),
        initiator: row.try_get("initiator")?,
        source_system: row.try_get("source_system")?,
        reason: row.try_get("reason")?,
        tags: row.try_get("tags")?,
        correlation_id: row.try_get("correlation_id")?,
        parent_correlation_id: row.try_get("parent_correlation_id")?,
        idempotency_key: row.try_get("idempotency_key")?,
        rerun_of: row.try_get::<Option<Uuid>, _>("rerun_of")?.map(TaskId),
        flow: structured(row, "flow")?.unwrap_or_default(),
        counts: counts(row)?,
        seq: row.try_get("seq")?,
        error: structured(row, "error")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        completed_at: row.try_get("completed_at")?,
        deadline_at: row.try_get("deadline_at")?,
    })
}

pub(super) fn step(row: &PgRow) -> Result<Step> {
    let idx: i32 = row.try_get("idx")?;
    Ok(Step {
        id: StepId::new(TaskId(row.try_get("task_id")?), unsigned(idx)),
        name: row.try_get("name")?,
        queue: row.try_get("queue")?,
        handler: row.try_get("handler")?,
        state: word(row, "state")?,
        attempt: count(row, "attempt")?,
        failures: count(row, "failures")?,
        losses: count(row, "losses")?,
        unmet: count(row, "unmet")?,
        dependents: dependents(row)?,
        due_at: row.try_get("due_at")?,
        worker_id: row.try_get::<Option<Uuid>, _>("worker_id")?.map(WorkerId),
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        result: json(row, "result")?,
        error: structured(row, "error")?,
        flow: structured(row, "flow")?,
    })
}

/// How many parts of a step are in a state.
pub(super) fn parts(row: &PgRow) -> Result<(u32, StepState, u32)> {
    Ok((count(row, "step")?, word(row, "state")?, count(row, "parts")?))
}

pub(super) fn events(row: &PgRow, task_id: TaskId) -> Result<EventBatch> {
    Ok(EventBatch {
        task_id,
        first_seq: row.try_get("first_seq")?,
        at: row.try_get("at")?,
        facts: Fact::list(row.try_get("facts")?).map_err(|error| corrupt("facts", &error))?,
    })
}

pub(super) fn template_summary(row: &PgRow) -> Result<TemplateSummary> {
    Ok(TemplateSummary {
        id: TemplateId(row.try_get("id")?),
        namespace: row.try_get("namespace")?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        description: row.try_get("description")?,
        created_at: row.try_get("created_at")?,
    })
}

pub(super) fn json(row: &PgRow, column: &str) -> Result<Option<Json>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| Json::parse(text).map_err(|error| corrupt(column, &error))).transpose()
}

pub(super) fn structured<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<Option<T>> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(text).map_err(|error| corrupt(column, &error))).transpose()
}

/// An index or a count, which the schema keeps from being negative.
pub(super) fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

fn word<T: FromStr<Err = String>>(row: &PgRow, column: &str) -> Result<T> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error: String| corrupt(column, &error))
}

fn text(row: &PgRow, column: &str) -> Result<Arc<str>> {
    Ok(row.try_get::<&str, _>(column)?.into())
}

fn count(row: &PgRow, column: &str) -> Result<u32> {
    Ok(unsigned(row.try_get(column)?))
}

fn counts(row: &PgRow) -> Result<TaskCounts> {
    Ok(TaskCounts {
        total: count(row, "total")?,
        done: count(row, "done")?,
        active: count(row, "active")?,
        failed: count(row, "failed")?,
    })
}

fn dependents(row: &PgRow) -> Result<Vec<u32>> {
    let dependents: Option<Vec<i32>> = row.try_get("dependents")?;
    Ok(dependents.unwrap_or_default().into_iter().map(unsigned).collect())
}

fn corrupt(column: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Corrupt(format!("column {column}: {reason}"))
}
