use std::{collections::HashMap, sync::Arc};

use serde::Serialize;
use sqlx::Sqlite;

use super::{
    SqliteStore,
    columns::Columns,
    encode::{self, Hex},
    sql,
    transaction::{EventRow, SqliteTransaction},
};
use crate::{
    dag::{NewTask, PlannedStep},
    model::{EventBatch, Fact, TaskId, Timestamp},
    state::Changes,
    store::{Error, Inserted, Result, transaction::Transaction},
};

pub(super) async fn insert_tasks(store: &SqliteStore, tasks: &[NewTask], begun: &Changes) -> Result<Vec<Inserted>> {
    let mut writer = store.connections.writer().await?;
    let mut inner = writer.begin().await?;
    // A task is not created after its first step has begun.
    let now = begun.events.iter().map(|batch| batch.at).min().unwrap_or_else(|| store.clock.now());
    let answers = answers(tasks, existing(&mut inner, tasks).await?);
    let created: Vec<_> = tasks
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| matches!(answer, Inserted::Created(_)))
        .map(|(task, _)| task)
        .collect();
    if created.is_empty() {
        inner.rollback().await?;
        return Ok(answers);
    }
    let mut transaction = SqliteTransaction { inner, now };
    put(&mut transaction, &created, now).await?;
    transaction.apply(&begun.of(|task_id| created.iter().any(|task| task.task_id == task_id))).await?;
    transaction.inner.commit().await?;
    Ok(answers)
}

/// The tasks whose keys are taken already, by their place among `tasks`.
async fn existing(
    transaction: &mut sqlx::Transaction<'_, Sqlite>,
    tasks: &[NewTask],
) -> Result<HashMap<usize, TaskId>> {
    #[derive(Serialize)]
    struct Key<'a> {
        namespace: &'a str,
        name: &'a str,
        idempotency_key: Option<&'a str>,
    }
    if tasks.iter().all(|task| task.submission.idempotency_key.is_none()) {
        return Ok(HashMap::new());
    }
    let keys = encode::rows(tasks.iter().map(|task| Key {
        namespace: &task.namespace,
        name: &task.name,
        idempotency_key: task.submission.idempotency_key.as_deref(),
    }))?;
    let rows = sqlx::query(sql::EXISTING_TASKS.sql()).bind(keys).fetch_all(&mut **transaction).await?;
    let existing = rows.iter().map(|row| {
        let mut columns = Columns::new(row, "a task");
        let at: i64 = columns.read()?;
        let at = usize::try_from(at).map_err(|error| Error::Corrupt(error.to_string()))?;
        Ok((at, TaskId(columns.uuid()?)))
    });
    existing.collect()
}

/// Whose task each answer names. A key that comes twice among `tasks` belongs to the first of them.
fn answers(tasks: &[NewTask], existing: HashMap<usize, TaskId>) -> Vec<Inserted> {
    let mut taken = HashMap::new();
    let answer = |(at, task): (usize, &NewTask)| {
        if let Some(task_id) = existing.get(&at) {
            return Inserted::Existing(*task_id);
        }
        let Some(key) = task.submission.idempotency_key.clone() else { return Inserted::Created(task.task_id) };
        let key = (Arc::clone(&task.namespace), Arc::clone(&task.name), key);
        match taken.get(&key) {
            Some(first) => Inserted::Existing(*first),
            None => {
                taken.insert(key, task.task_id);
                Inserted::Created(task.task_id)
            }
        }
    };
    tasks.iter().enumerate().map(answer).collect()
}

pub(super) async fn put(transaction: &mut SqliteTransaction<'_>, tasks: &[&NewTask], now: Timestamp) -> Result<()> {
    let mut plans: Vec<&Arc<[PlannedStep]>> = Vec::new();
    let mut rows = Vec::with_capacity(tasks.len());
    let mut events = Vec::with_capacity(tasks.len());
    for task in tasks {
        let plan = plans.iter().position(|plan| Arc::ptr_eq(plan, &task.steps)).unwrap_or(plans.len());
        if plan == plans.len() {
            plans.push(&task.steps);
        }
        rows.push(TaskRow::new(task, plan)?);
        events.push(EventBatch { task_id: task.task_id, first_seq: 1, at: now, facts: vec![Fact::TaskCreated] });
    }
    let plans = plans.iter().map(|plan| plan.iter().map(StepRow::new).collect::<Result<Vec<_>>>());
    let (rows, plans) = (encode::text(&rows)?, encode::text(&plans.collect::<Result<Vec<_>>>()?)?);
    let events = events.iter().map(EventRow::new).collect::<Result<Vec<_>>>()?;
    sqlx::query(sql::INSERT.as_str())
        .bind(&rows)
        .bind(now.as_micros())
        .bind(plans)
        .bind(encode::text(&events)?)
        .execute(&mut *transaction.inner)
        .await?;
    if tasks.iter().any(|task| !task.submission.tags.is_empty()) {
        sqlx::query(sql::INSERT_TAGS.sql()).bind(&rows).execute(&mut *transaction.inner).await?;
    }
    Ok(())
}

#[derive(Serialize)]
struct TaskRow<'a> {
    id: Hex,
    plan: usize,
    template_id: Hex,
    deadline_us: Option<i64>,
    total: usize,
    priority: i16,
    namespace: &'a str,
    name: &'a str,
    version: &'a str,
    environment: Option<&'a str>,
    correlation_id: Option<&'a str>,
    parent_correlation_id: Option<&'a str>,
    idempotency_key: Option<&'a str>,
    initiator: Option<&'a str>,
    source_system: Option<&'a str>,
    reason: Option<&'a str>,
    tags: String,
    context: &'a str,
    rerun_of: Option<Hex>,
    parent_id: Option<Hex>,
    flow: Option<String>,
}

impl<'a> TaskRow<'a> {
    fn new(task: &'a NewTask, plan: usize) -> Result<Self> {
        let NewTask { task_id, template, namespace, name, version, submission, deadline_ms, steps, .. } = task;
        Ok(Self {
            id: Hex(task_id.0),
            plan,
            template_id: Hex(template.id.0),
            deadline_us: deadline_ms.map(|ms| i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX / 2)),
            total: steps.len(),
            priority: submission.priority,
            namespace,
            name,
            version,
            environment: template.environment.as_deref(),
            correlation_id: submission.correlation_id.as_deref(),
            parent_correlation_id: submission.parent_correlation_id.as_deref(),
            idempotency_key: submission.idempotency_key.as_deref(),
            initiator: submission.initiator.as_deref(),
            source_system: submission.source_system.as_deref(),
            reason: submission.reason.as_deref(),
            tags: encode::text(&submission.tags)?,
            context: submission.context.as_str(),
            rerun_of: submission.rerun_of.map(|task_id| Hex(task_id.0)),
            parent_id: task.parent.as_ref().map(|parent| Hex(parent.task_id.0)),
            flow: task.flow().as_ref().map(encode::text).transpose()?,
        })
    }
}

#[derive(Serialize)]
struct StepRow<'a> {
    idx: u32,
    unmet: u32,
    state: &'static str,
    name: &'a str,
    queue: &'a str,
    handler: &'a str,
    dependents: Option<String>,
}

impl<'a> StepRow<'a> {
    fn new(step: &'a PlannedStep) -> Result<Self> {
        let PlannedStep { idx, name, queue, handler, unmet, dependents, .. } = step;
        let dependents = (!dependents.is_empty()).then(|| encode::text(&**dependents)).transpose()?;
        Ok(Self { idx: *idx, unmet: *unmet, state: step.state().as_str(), name, queue, handler, dependents })
    }
}
