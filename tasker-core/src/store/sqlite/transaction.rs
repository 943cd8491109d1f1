use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use serde::Serialize;
use sqlx::{Sqlite, SqliteConnection};

use super::{
    columns::Columns,
    encode::{self, Hex, Micros},
    insert, load,
    read::{self, Source},
    sql,
};
use crate::{
    model::{EventBatch, StepPlace, TaskCounts, TaskFlow, TaskId, Timestamp},
    state::{Changes, Claim, NewPart, NewParts, NewStep, Scope, Snapshot, StepChange, TaskChange},
    store::{
        Error, Payload, PayloadRequest, Result,
        transaction::{Locked, Transaction},
    },
};

pub(super) struct SqliteTransaction<'c> {
    pub(super) inner: sqlx::Transaction<'c, Sqlite>,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Transaction for SqliteTransaction<'_> {
    async fn lock(&mut self, tasks: &[TaskId]) -> Result<Locked> {
        let query = sqlx::query(sql::LOCK_TASKS.sql()).bind(encode::rows(tasks.iter().map(|task_id| Hex(task_id.0)))?);
        let row = query.fetch_one(&mut *self.inner).await?;
        let places: HashMap<usize, i64> = Columns::new(&row, "where tasks stand").decoded()?;
        let seqs = places.into_iter().filter_map(|(place, seq)| Some((*tasks.get(place)?, seq))).collect();
        Ok(Locked { now: self.now, seqs })
    }

    async fn load_scope(&mut self, scope: &[Scope]) -> Result<Snapshot> {
        let whole: Vec<_> = scope.iter().filter(|scope| scope.whole).map(|scope| scope.task_id).collect();
        self.load(scope, &whole).await
    }

    async fn load_whole(&mut self, tasks: &[TaskId]) -> Result<Snapshot> {
        self.load(&[], tasks).await
    }

    async fn load_candidates(&mut self, claim: &Claim, limit: usize) -> Result<Snapshot> {
        let query = sqlx::query(sql::LOAD_CANDIDATES.sql())
            .bind(super::template::route_rows(claim.routes.as_ref())?)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        load::snapshot(&query.fetch_one(&mut *self.inner).await?, self.now)
    }

    async fn load_payloads(&mut self, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
        read::load(Source::Open(&mut self.inner), requests).await
    }

    async fn apply(&mut self, changes: &Changes) -> Result<()> {
        // What is stored anew may go on in the same changes.
        if !changes.spawned.is_empty() {
            insert::put(self, &changes.spawned.iter().collect::<Vec<_>>(), self.now).await?;
        }
        self.put(sql::INSERT_PARTS.sql(), changes.parts.iter().map(BatchRow::new)).await?;
        self.put(sql::ADD_STEPS.sql(), changes.added.iter().map(AddedRow::new)).await?;
        self.put(sql::PUT_FLOWS.sql(), changes.flows.iter().map(FlowRow::new)).await?;
        if !changes.is_empty() && !self.put_rows(changes).await? {
            let missing = "rows that were read under a lock are gone, or their events are there already";
            return Err(Error::Corrupt(missing.to_owned()));
        }
        for statement in [&sql::PRIORITIZE_TASKS, &sql::PRIORITIZE_STEPS] {
            if !changes.priorities.is_empty() {
                self.put(statement.sql(), changes.priorities.iter().map(PriorityRow::new)).await?;
            }
        }
        Ok(())
    }

    async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }

    async fn rollback(self) -> Result<()> {
        Ok(self.inner.rollback().await?)
    }
}

/// Writes changes in one statement, unless a task has moved on.
pub(super) async fn apply_unchanged(connection: &mut SqliteConnection, changes: &Changes) -> Result<bool> {
    let [tasks, steps, events] = texts(changes, |batch| Some(batch.first_seq - 1))?;
    let query = || sqlx::query(sql::APPLY_UNCHANGED.sql()).bind(&tasks).bind(&steps).bind(&events);
    let mut done = query().execute(&mut *connection).await;
    if code(&done).is_some_and(|code| code == MISSING) {
        sqlx::raw_sql(sql::UNCHANGED.as_str()).execute(&mut *connection).await?;
        done = query().execute(connection).await;
    }
    if code(&done).is_some_and(|code| code == RAISED) {
        return Ok(false);
    }
    done?;
    Ok(true)
}

/// `SQLITE_CONSTRAINT_TRIGGER`: what `raise` answers with.
const RAISED: &str = "1811";
/// `SQLITE_ERROR`, by which a table that is not there shows itself.
const MISSING: &str = "1";

/// SQLite's word for what went wrong.
fn code<T>(done: &sqlx::Result<T>) -> Option<std::borrow::Cow<'_, str>> {
    done.as_ref().err()?.as_database_error()?.code()
}

/// The rows of changes; `seen` says by its events at which one a task must still be.
fn texts(changes: &Changes, seen: impl Fn(&EventBatch) -> Option<i64>) -> Result<[String; 3]> {
    let Changes { tasks, steps, events, .. } = changes;
    let seen = |at: usize| events.get(at).and_then(&seen);
    let tasks = tasks.iter().enumerate().map(|(at, task)| TaskRow::new(task, seen(at)));
    Ok([
        encode::text(&tasks.collect::<Result<Vec<_>>>()?)?,
        encode::text(&steps.iter().map(StepRow::new).collect::<Result<Vec<_>>>()?)?,
        encode::text(&events.iter().map(EventRow::new).collect::<Result<Vec<_>>>()?)?,
    ])
}

impl SqliteTransaction<'_> {
    /// Writes the rows of changes. False if not all were written.
    async fn put_rows(&mut self, changes: &Changes) -> Result<bool> {
        let [tasks, steps, events] = texts(changes, |_| None)?;
        let query = sqlx::query(sql::APPLY.as_str()).bind(tasks).bind(self.now.as_micros()).bind(steps).bind(events);
        let done = query.execute(&mut *self.inner).await?;
        let rows = changes.tasks.len() + changes.steps.len() + changes.events.len();
        Ok(usize::try_from(done.rows_affected()).ok() == Some(rows))
    }

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

    async fn load(&mut self, scope: &[Scope], whole: &[TaskId]) -> Result<Snapshot> {
        let hex = |task_id: &TaskId| Hex(task_id.0);
        let tasks = scope.iter().map(|scope| &scope.task_id).chain(whole).collect::<BTreeSet<_>>();
        let steps = scope.iter().flat_map(|scope| scope.steps.iter().map(|idx| (hex(&scope.task_id), *idx)));
        let query = sqlx::query(sql::LOAD_SCOPE.sql())
            .bind(encode::rows(tasks.into_iter().map(hex))?)
            .bind(encode::rows(steps)?)
            .bind(encode::rows(whole.iter().map(hex))?);
        load::snapshot(&query.fetch_one(&mut *self.inner).await?, self.now)
    }
}

#[derive(Serialize)]
struct AddedRow<'a> {
    task_id: Hex,
    idx: u32,
    unmet: u32,
    priority: i16,
    name: &'a str,
    queue: &'a str,
    handler: &'a str,
    dependents: Option<String>,
}

impl<'a> AddedRow<'a> {
    fn new(step: &'a NewStep) -> Result<Self> {
        let NewStep { id, name, queue, handler, priority, unmet, dependents } = step;
        let dependents = (!dependents.is_empty()).then(|| encode::text(&**dependents)).transpose()?;
        let task_id = Hex(id.task_id.0);
        Ok(Self { task_id, idx: id.idx, unmet: *unmet, priority: *priority, name, queue, handler, dependents })
    }
}

#[derive(Serialize)]
struct FlowRow {
    task_id: Hex,
    flow: String,
}

impl FlowRow {
    fn new((task_id, flow): &(TaskId, TaskFlow)) -> Result<Self> {
        Ok(Self { task_id: Hex(task_id.0), flow: encode::text(flow)? })
    }
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
    /// The last event that was known of the task; none if it is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<i64>,
}

impl TaskRow {
    fn new(change: &TaskChange, seen: Option<i64>) -> Result<Self> {
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
            seen,
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
    flow: Option<String>,
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
            flow: change.flow.as_deref().map(encode::text).transpose()?,
        })
    }
}

#[derive(Serialize)]
struct BatchRow<'a> {
    task_id: Hex,
    step: u32,
    priority: i16,
    name: &'a str,
    queue: &'a str,
    handler: &'a str,
    parts: Vec<PartRow>,
}

#[derive(Serialize)]
struct PartRow {
    number: u32,
    idx: u32,
    unmet: u32,
    state: &'static str,
    part: String,
}

impl<'a> BatchRow<'a> {
    fn new(batch: &'a NewParts) -> Result<Self> {
        let row = |new: &NewPart| {
            let number = new.part.index;
            let idx = StepPlace::part(batch.step, number).idx();
            let part = encode::text(&new.part)?;
            Ok(PartRow { number, idx, unmet: new.unmet, state: new.state.as_str(), part })
        };
        Ok(Self {
            task_id: Hex(batch.task_id.0),
            step: batch.step,
            priority: batch.priority,
            name: &batch.name,
            queue: &batch.queue,
            handler: &batch.handler,
            parts: batch.parts.iter().map(row).collect::<Result<_>>()?,
        })
    }
}

#[derive(Serialize)]
struct PriorityRow {
    task_id: Hex,
    priority: i16,
}

impl PriorityRow {
    #[expect(clippy::unnecessary_wraps, reason = "rows of other tables can fail to be written as json")]
    fn new((task_id, priority): &(TaskId, i16)) -> Result<Self> {
        Ok(Self { task_id: Hex(task_id.0), priority: *priority })
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
