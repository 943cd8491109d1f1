use async_trait::async_trait;
use serde::Serialize;
use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    columns::Columns,
    encode::{self, Hex, Micros},
    sql,
};
use crate::{
    dag::TemplateKey,
    model::{EventBatch, StepId, TaskCounts, TaskId, TemplateId, Timestamp, WorkerId},
    state::{Changes, Claim, Scope, Snapshot, StepChange, StepSnapshot, TaskChange, TaskSnapshot},
    store::{Result, assemble::Assembly, transaction::Transaction},
};

pub(super) struct SqliteTransaction<'c> {
    pub(super) inner: sqlx::Transaction<'c, Sqlite>,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Transaction for SqliteTransaction<'_> {
    async fn load_scope(&mut self, scope: &[Scope]) -> Result<Snapshot> {
        let asked = encode::rows(scope.iter().map(|Scope { task_id, steps, whole }| {
            serde_json::json!({ "task_id": task_id.0.simple().to_string(), "steps": steps, "whole": whole })
        }))?;
        let whole: Vec<_> = scope.iter().filter(|scope| scope.whole).map(|scope| scope.task_id).collect();
        self.load(sqlx::query(sql::LOAD_SCOPE.sql()).bind(asked), |task_id| whole.contains(&task_id)).await
    }

    async fn load_whole(&mut self, tasks: &[TaskId]) -> Result<Snapshot> {
        let asked = encode::rows(tasks.iter().map(|task_id| Hex(task_id.0)))?;
        self.load(sqlx::query(sql::LOAD_WHOLE.sql()).bind(asked), |_| true).await
    }

    async fn load_candidates(&mut self, claim: &Claim, limit: usize) -> Result<Snapshot> {
        let routes = super::template::route_rows(claim.routes.as_ref())?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.load(sqlx::query(sql::LOAD_CANDIDATES.sql()).bind(routes).bind(limit), |_| false).await
    }

    async fn apply(&mut self, changes: &Changes) -> Result<()> {
        let Changes { tasks, steps, events, .. } = changes;
        self.put(sql::APPLY_TASKS.sql(), tasks.iter().map(TaskRow::new)).await?;
        self.put(sql::APPLY_STEPS.sql(), steps.iter().map(StepRow::new)).await?;
        self.put(sql::APPLY_EVENTS.sql(), events.iter().map(EventRow::new)).await
    }

    async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }

    async fn rollback(self) -> Result<()> {
        Ok(self.inner.rollback().await?)
    }
}

impl SqliteTransaction<'_> {
    /// Executes a statement over a list of rows.
    pub(super) async fn put<T: Serialize>(
        &mut self,
        statement: &'static str,
        rows: impl Iterator<Item = Result<T>>,
    ) -> Result<()> {
        let rows = rows.collect::<Result<Vec<_>>>()?;
        if !rows.is_empty() {
            sqlx::query(statement)
                .bind(encode::text(&rows)?)
                .bind(self.now.as_micros())
                .execute(&mut *self.inner)
                .await?;
        }
        Ok(())
    }

    async fn load(
        &mut self,
        query: Query<'_, Sqlite, SqliteArguments>,
        is_whole: impl Fn(TaskId) -> bool,
    ) -> Result<Snapshot> {
        let rows = query.fetch_all(&mut *self.inner).await?;
        let mut assembly = Assembly::default();
        for row in &rows {
            let mut columns = Columns::new(row, "a task or step");
            let task_id = TaskId(columns.uuid()?);
            let idx: i64 = columns.read()?;
            let steps = assembly.task(task_id, || task(row, task_id, is_whole(task_id)))?;
            if let Ok(idx) = u32::try_from(idx) {
                steps.push(step(row, StepId::new(task_id, idx))?);
            }
        }
        Ok(Snapshot { now: self.now, tasks: assembly.into_tasks(), candidates_loaded: false })
    }
}

const KEY_COLUMNS: usize = 2;
const TASK_COLUMNS: usize = 11;

fn task(row: &SqliteRow, task_id: TaskId, is_whole: bool) -> Result<TaskSnapshot> {
    let mut columns = Columns::new(row, "a task").skip(KEY_COLUMNS);
    Ok(TaskSnapshot {
        task_id,
        template: TemplateKey {
            id: TemplateId(columns.uuid()?),
            environment: columns.read::<Option<&str>>()?.map(Into::into),
        },
        state: columns.word()?,
        priority: columns.read()?,
        counts: TaskCounts {
            total: columns.count()?,
            done: columns.count()?,
            active: columns.count()?,
            failed: columns.count()?,
        },
        seq: columns.read()?,
        deadline_at: columns.time_or_none()?,
        error: columns.decoded_or_none()?,
        steps: Vec::new(),
        is_whole,
    })
}

fn step(row: &SqliteRow, id: StepId) -> Result<StepSnapshot> {
    let mut columns = Columns::new(row, "a step").skip(KEY_COLUMNS + TASK_COLUMNS);
    Ok(StepSnapshot {
        id,
        name: columns.shared()?,
        queue: columns.shared()?,
        handler: columns.shared()?,
        state: columns.word()?,
        attempt: columns.count()?,
        failures: columns.count()?,
        losses: columns.count()?,
        unmet: columns.count()?,
        dependents: columns.decoded_or_none::<Vec<u32>>()?.unwrap_or_default().into(),
        due_at: columns.time_or_none()?,
        worker_id: columns.read::<Option<_>>()?.map(WorkerId),
        started_at: columns.time_or_none()?,
    })
}

#[derive(Serialize)]
struct TaskRow {
    id: Hex,
    state: &'static str,
    total: u32,
    done: u32,
    active: u32,
    failed: u32,
    seq: i64,
    deadline_at: Option<Micros>,
    error: Option<String>,
    updated_at: Micros,
    completed_at: Option<Micros>,
}

impl TaskRow {
    fn new(change: &TaskChange) -> Result<Self> {
        let TaskCounts { total, done, active, failed } = change.counts;
        Ok(Self {
            id: Hex(change.task_id.0),
            state: change.state.as_str(),
            total,
            done,
            active,
            failed,
            seq: change.seq,
            deadline_at: change.deadline_at.map(Micros),
            error: change.error.as_ref().map(encode::text).transpose()?,
            updated_at: Micros(change.updated_at),
            completed_at: change.completed_at.map(Micros),
        })
    }
}

#[derive(Serialize)]
struct StepRow<'a> {
    task_id: Hex,
    idx: u32,
    state: &'static str,
    attempt: u32,
    failures: u32,
    losses: u32,
    unmet: u32,
    due_at: Option<Micros>,
    worker_id: Option<Hex>,
    started_at: Option<Micros>,
    ended_at: Option<Micros>,
    result: Option<&'a str>,
    error: Option<String>,
}

impl<'a> StepRow<'a> {
    fn new(change: &'a StepChange) -> Result<Self> {
        Ok(Self {
            task_id: Hex(change.id.task_id.0),
            idx: change.id.idx,
            state: change.state.as_str(),
            attempt: change.attempt,
            failures: change.failures,
            losses: change.losses,
            unmet: change.unmet,
            due_at: change.due_at.map(Micros),
            worker_id: change.worker_id.map(|worker| Hex(worker.0)),
            started_at: change.started_at.map(Micros),
            ended_at: change.ended_at.map(Micros),
            result: change.result.as_ref().map(|result| result.as_str()),
            error: change.error.as_ref().map(encode::text).transpose()?,
        })
    }
}

#[derive(Serialize)]
pub(super) struct EventRow {
    task_id: Hex,
    first_seq: i64,
    at: Micros,
    facts: String,
}

impl EventRow {
    pub(super) fn new(batch: &EventBatch) -> Result<Self> {
        let EventBatch { task_id, first_seq, at, facts } = batch;
        Ok(Self { task_id: Hex(task_id.0), first_seq: *first_seq, at: Micros(*at), facts: encode::text(facts)? })
    }
}
