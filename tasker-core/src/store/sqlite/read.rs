use std::{collections::HashMap, ops::Range};

use serde::Serialize;
use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    SqliteStore,
    columns::Columns,
    encode::{self, Hex},
    sql,
};
use crate::{
    model::{
        EventBatch, Step, StepId, StepPlace, StepState, Task, TaskCounts, TaskFlow, TaskId, TemplateId, WorkerId,
        limits,
    },
    store::{Error, Payload, PayloadRequest, Result, Statement, Work},
};

pub(super) async fn task(store: &SqliteStore, id: TaskId) -> Result<Option<Task>> {
    let rows = store.connections.fetch(sqlx::query(sql::GET_TASK.sql()).bind(id.0)).await?;
    rows.first().map(read_task).transpose()
}

pub(super) async fn steps(store: &SqliteStore, id: TaskId, range: Range<u32>, limit: u32) -> Result<Vec<Step>> {
    let query = sqlx::query(sql::LIST_STEPS.sql()).bind(id.0).bind(range.start).bind(range.end).bind(limit);
    store.connections.fetch(query).await?.iter().map(read_step).collect()
}

pub(super) async fn count_parts(store: &SqliteStore, id: TaskId) -> Result<Vec<(u32, StepState, u32)>> {
    let query = sqlx::query(sql::COUNT_PARTS.sql()).bind(id.0).bind(StepPlace::TEMPLATE.end);
    let counts = |row| {
        let mut columns = Columns::new(row, "parts");
        Ok((columns.count()?, columns.word()?, columns.count()?))
    };
    store.connections.fetch(query).await?.iter().map(counts).collect()
}

pub(super) async fn tree(store: &SqliteStore, task_id: TaskId, limit: u32) -> Result<Vec<Task>> {
    let query = sqlx::query(sql::LIST_TREE.sql()).bind(task_id.0).bind(limit);
    store.connections.fetch(query).await?.iter().map(read_task).collect()
}

pub(super) async fn tree_steps(store: &SqliteStore, tasks: &[TaskId], limit: u32) -> Result<Vec<Step>> {
    let tasks = encode::rows(tasks.iter().map(|task_id| Hex(task_id.0)))?;
    let query = sqlx::query(sql::LIST_TREE_STEPS.sql()).bind(tasks).bind(limit);
    store.connections.fetch(query).await?.iter().map(read_step).collect()
}

pub(super) async fn events(store: &SqliteStore, id: TaskId, after_seq: i64, limit: u32) -> Result<Vec<EventBatch>> {
    let query = sqlx::query(sql::LIST_EVENTS.sql())
        .bind(id.0)
        .bind(after_seq.saturating_add(1))
        .bind(limit)
        .bind(i64::from(limits::EVENT_BYTES));
    let batch = |row| {
        let mut columns = Columns::new(row, "an event");
        Ok(EventBatch {
            task_id: TaskId(columns.uuid()?),
            first_seq: columns.read()?,
            at: columns.time()?,
            facts: columns.facts()?,
        })
    };
    store.connections.fetch(query).await?.iter().map(batch).collect()
}

/// Where statements go: to any connection, or to that of an open transaction.
pub(super) enum Source<'a, 'c> {
    Any(&'a SqliteStore),
    Open(&'a mut sqlx::Transaction<'c, Sqlite>),
}

impl Source<'_, '_> {
    async fn fetch(&mut self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>> {
        match self {
            Self::Any(store) => store.connections.fetch(query).await,
            Self::Open(transaction) => Ok(query.fetch_all(&mut ***transaction).await?),
        }
    }
}

pub(super) async fn payloads(store: &SqliteStore, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
    load(Source::Any(store), requests).await
}

pub(super) async fn load(mut source: Source<'_, '_>, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
    let source = &mut source;
    let contexts = contexts(source, requests).await?;
    let payload = |request: &PayloadRequest| match contexts.get(&request.task_id) {
        Some(payload) if request.with_context => payload.clone(),
        _ => Payload::default(),
    };
    let mut payloads: Vec<_> = requests.iter().map(payload).collect();
    add_results(source, requests, &mut payloads).await?;
    add_parts(source, requests, &mut payloads).await?;
    add_work(source, requests, &mut payloads).await?;
    Ok(payloads)
}

async fn contexts(source: &mut Source<'_, '_>, requests: &[PayloadRequest]) -> Result<HashMap<TaskId, Payload>> {
    let mut wanted: Vec<_> = requests.iter().filter(|request| request.with_context).map(|it| it.task_id).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let asked = encode::rows(wanted.into_iter().map(|task_id| Hex(task_id.0)))?;
    let rows = source.fetch(sqlx::query(sql::LOAD_PAYLOADS_TASKS.sql()).bind(asked)).await?;
    let payload = |row| {
        let mut columns = Columns::new(row, "a task");
        let task_id = TaskId(columns.uuid()?);
        let (context, correlation_id) = (columns.json_or_none()?, columns.read()?);
        let TaskFlow { parent, trace, .. } = columns.decoded_or_none()?.unwrap_or_default();
        Ok((task_id, Payload { context, correlation_id, parent, trace, ..Payload::default() }))
    };
    rows.iter().map(payload).collect()
}

async fn add_results(source: &mut Source<'_, '_>, requests: &[PayloadRequest], payloads: &mut [Payload]) -> Result<()> {
    for row in &fetch(source, &sql::LOAD_PAYLOADS_RESULTS, requests, |request| &request.steps).await? {
        let mut columns = Columns::new(row, "a step");
        let payload = asked(&mut columns, payloads)?;
        payload.results.push((columns.count()?, columns.json()?));
    }
    Ok(())
}

async fn add_parts(source: &mut Source<'_, '_>, requests: &[PayloadRequest], payloads: &mut [Payload]) -> Result<()> {
    #[derive(Serialize)]
    struct Asked {
        task_id: Hex,
        ranges: Vec<(u32, u32)>,
    }
    if requests.iter().all(|request| request.parts.is_empty()) {
        return Ok(());
    }
    let bounds = |step: &u32| (StepPlace::parts_of(*step).start, StepPlace::parts_of(*step).end);
    let asked_for =
        encode::rows(requests.iter().map(|request| Asked {
            task_id: Hex(request.task_id.0),
            ranges: request.parts.iter().map(bounds).collect(),
        }))?;
    for row in &source.fetch(sqlx::query(sql::LOAD_PAYLOADS_PARTS.sql()).bind(asked_for)).await? {
        let mut columns = Columns::new(row, "a part");
        let payload = asked(&mut columns, payloads)?;
        payload.parts.push((columns.count()?, columns.json()?));
    }
    Ok(())
}

async fn add_work(source: &mut Source<'_, '_>, requests: &[PayloadRequest], payloads: &mut [Payload]) -> Result<()> {
    for row in &fetch(source, &sql::LOAD_PAYLOADS_WORK, requests, |request| &request.work).await? {
        let mut columns = Columns::new(row, "a step");
        let payload = asked(&mut columns, payloads)?;
        let idx = columns.count()?;
        let work = Work { part: columns.decoded_or_none()?, checkpoint: columns.decoded_or_none()? };
        payload.work.push((idx, work));
    }
    Ok(())
}

/// What a statement knows of the steps that are asked for; it is not executed where there are none.
async fn fetch(
    source: &mut Source<'_, '_>,
    statement: &Statement,
    requests: &[PayloadRequest],
    steps: fn(&PayloadRequest) -> &[u32],
) -> Result<Vec<SqliteRow>> {
    #[derive(Serialize)]
    struct Asked<'a> {
        task_id: Hex,
        steps: &'a [u32],
    }
    if requests.iter().all(|request| steps(request).is_empty()) {
        return Ok(Vec::new());
    }
    let asked =
        encode::rows(requests.iter().map(|request| Asked { task_id: Hex(request.task_id.0), steps: steps(request) }))?;
    source.fetch(sqlx::query(statement.sql()).bind(asked)).await
}

/// The payload of the request that a row answers.
fn asked<'p>(columns: &mut Columns<'_>, payloads: &'p mut [Payload]) -> Result<&'p mut Payload> {
    let at: i64 = columns.read()?;
    let payload = usize::try_from(at).ok().and_then(|at| payloads.get_mut(at));
    payload.ok_or_else(|| Error::Corrupt(format!("an answer to question {at}")))
}

pub(super) fn read_task(row: &SqliteRow) -> Result<Task> {
    let mut columns = Columns::new(row, "a task");
    Ok(Task {
        task_id: TaskId(columns.uuid()?),
        namespace: columns.read()?,
        name: columns.read()?,
        version: columns.read()?,
        template_id: TemplateId(columns.uuid()?),
        environment: columns.read()?,
        state: columns.word()?,
        priority: columns.read()?,
        context: columns.json()?,
        initiator: columns.read()?,
        source_system: columns.read()?,
        reason: columns.read()?,
        tags: columns.decoded()?,
        correlation_id: columns.read()?,
        parent_correlation_id: columns.read()?,
        idempotency_key: columns.read()?,
        rerun_of: columns.read::<Option<_>>()?.map(TaskId),
        flow: columns.decoded_or_none()?.unwrap_or_default(),
        counts: TaskCounts {
            total: columns.count()?,
            done: columns.count()?,
            active: columns.count()?,
            failed: columns.count()?,
        },
        seq: columns.read()?,
        error: columns.decoded_or_none()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
        completed_at: columns.time_or_none()?,
        deadline_at: columns.time_or_none()?,
    })
}

fn read_step(row: &SqliteRow) -> Result<Step> {
    let mut columns = Columns::new(row, "a step");
    Ok(Step {
        id: StepId::new(TaskId(columns.uuid()?), columns.count()?),
        name: columns.read()?,
        queue: columns.read()?,
        handler: columns.read()?,
        state: columns.word()?,
        attempt: columns.count()?,
        failures: columns.count()?,
        losses: columns.count()?,
        unmet: columns.count()?,
        dependents: columns.decoded_or_none()?.unwrap_or_default(),
        due_at: columns.time_or_none()?,
        worker_id: columns.read::<Option<_>>()?.map(WorkerId),
        started_at: columns.time_or_none()?,
        ended_at: columns.time_or_none()?,
        result: columns.json_or_none()?,
        error: columns.decoded_or_none()?,
        flow: columns.decoded_or_none()?,
    })
}
