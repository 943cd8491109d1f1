//! What operators ask for.

use std::sync::Arc;

use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use uuid::Uuid;

use super::{SqliteStore, columns::Columns, sql};
use crate::{
    dag::TemplateKey,
    model::{Actor, EventBatch, Step, TaskId, TaskState, TemplateId, Timestamp, limits},
    store::{Counts, Error, EventCursor, Followed, KnownWorker, Oddity, QueueDepth, Result, StoredKey},
};

pub(super) async fn follow(store: &SqliteStore, after: EventCursor, limit: u32) -> Result<Vec<Followed>> {
    let query = sqlx::query(sql::LIST_ALL_EVENTS.sql())
        .bind(after.position)
        .bind(after.task_id.0)
        .bind(limit)
        .bind(after.seq)
        .bind(i64::from(limits::EVENT_BYTES));
    let mut followed = Vec::new();
    for row in &store.connections.fetch(query).await? {
        let mut columns = Columns::new(row, "an event");
        let position: i64 = columns.read()?;
        let batch = EventBatch {
            task_id: TaskId(columns.uuid()?),
            first_seq: columns.read()?,
            at: columns.time()?,
            facts: columns.facts()?,
        };
        let template_id: Option<Uuid> = columns.read()?;
        let environment: Option<Arc<str>> = columns.read::<Option<&str>>()?.map(Into::into);
        let template = template_id.map(|id| TemplateKey { id: TemplateId(id), environment });
        followed.extend(batch.events().filter(|event| after.precedes(position, event)).map(|event| Followed {
            cursor: EventCursor { position, task_id: event.task_id, seq: event.seq },
            template: template.clone(),
            event,
        }));
    }
    Ok(followed)
}

pub(super) async fn log_end(store: &SqliteStore) -> Result<i64> {
    let rows = store.connections.fetch(sqlx::query(sql::END_OF_EVENTS.sql())).await?;
    rows.first().map_or(Ok(1), |row| Columns::new(row, "the end of the log").read())
}

pub(super) async fn workers(store: &SqliteStore, since: Timestamp, limit: u32) -> Result<Vec<KnownWorker>> {
    let query = sqlx::query(sql::LIST_KNOWN_WORKERS.sql()).bind(since.as_micros()).bind(limit);
    let worker = |row| {
        let mut columns = Columns::new(row, "a worker");
        Ok(KnownWorker {
            record: columns.decoded()?,
            started_at: columns.time()?,
            seen_at: columns.time()?,
            worked_at: columns.time_or_none()?,
        })
    };
    store.connections.fetch(query).await?.iter().map(worker).collect()
}

/// Tasks by state.
async fn count_tasks_by_state(store: &SqliteStore, exactly: u64) -> Result<Counts> {
    let exactly = signed(exactly);
    let total = store.connections.fetch(sqlx::query(sql::COUNT_TOTAL.sql()).bind(exactly)).await?;
    let (counted, estimated): (i64, Option<i64>) = match total.first() {
        Some(row) => {
            let mut columns = Columns::new(row, "a count");
            (columns.read()?, columns.read()?)
        }
        None => (0, None),
    };
    let is_estimated = counted >= exactly;
    let query = match is_estimated {
        true => sqlx::query(sql::COUNT_REST.sql()).bind(signed(limits::COUNT)),
        false => sqlx::query(sql::COUNT_STATES.sql()),
    };
    let mut counts = Counts::default();
    for row in &store.connections.fetch(query).await? {
        let mut columns = Columns::new(row, "a count");
        let state: TaskState = columns.word()?;
        counts.add_tasks(state, columns.read()?);
    }
    if is_estimated {
        counts.estimate_complete(counted.max(estimated.unwrap_or(0)));
    }
    Ok(counts)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) async fn counts(store: &SqliteStore, limit: u32, exactly: u64) -> Result<Counts> {
    let mut counts = count_tasks_by_state(store, exactly).await?;
    for row in &store.connections.fetch(sqlx::query(sql::COUNT_DUE.sql())).await? {
        let mut columns = Columns::new(row, "a count");
        let state: &str = columns.read()?;
        let steps = number(&mut columns)?;
        match state {
            "in_progress" => counts.running = steps,
            _ => counts.delayed += steps,
        }
    }
    for row in
        &store.connections.fetch(sqlx::query(sql::COUNT_QUEUES.sql()).bind(limit).bind(signed(limits::COUNT))).await?
    {
        let mut columns = Columns::new(row, "a queue");
        counts.queues.push(QueueDepth {
            queue: columns.read()?,
            handler: columns.read()?,
            steps: number(&mut columns)?,
            oldest: TaskId(columns.uuid()?),
        });
    }
    Ok(counts)
}

pub(super) async fn ahead(store: &SqliteStore, step: &Step, priority: i16, limit: u32) -> Result<u64> {
    let query = sqlx::query(sql::COUNT_AHEAD.sql())
        .bind(&step.queue)
        .bind(&step.handler)
        .bind(priority)
        .bind(step.id.task_id.0)
        .bind(step.id.idx)
        .bind(limit);
    let rows = store.connections.fetch(query).await?;
    rows.first().map_or(Ok(0), |row| number(&mut Columns::new(row, "a count")))
}

pub(super) async fn odd(store: &SqliteStore, tasks: u32, limit: u32) -> Result<Vec<Oddity>> {
    let statements =
        [&sql::FIND_STUCK_TASKS, &sql::FIND_WRONG_COUNTS, &sql::FIND_WRONG_UNMET, &sql::FIND_GAPS, &sql::FIND_OVERDUE];
    let mut found = Vec::new();
    for statement in statements {
        let mut query = sqlx::query(statement.sql()).bind(tasks).bind(limit);
        if statement.name == sql::FIND_OVERDUE.name {
            query = query.bind(store.clock.now().as_micros());
        }
        for row in &store.connections.fetch(query).await? {
            let mut columns = Columns::new(row, "a finding");
            let task_id = TaskId(columns.uuid()?);
            found.push(Oddity { check: statement.name, task_id, step: columns.read()? });
        }
    }
    Ok(found)
}

pub(super) async fn add_key(store: &SqliteStore, key: &StoredKey) -> Result<()> {
    let query = sqlx::query(sql::PUT_KEY.sql())
        .bind(key.id)
        .bind(&key.name)
        .bind(&key.prefix)
        .bind(key.hash.to_vec())
        .bind(&key.permissions)
        .bind(&key.created_by)
        .bind(key.expires_at.map(Timestamp::as_micros))
        .bind(store.clock.now().as_micros())
        .bind(&key.created_because);
    write(store, query).await?;
    Ok(())
}

pub(super) async fn find_key(store: &SqliteStore, hash: &[u8; 32]) -> Result<Option<StoredKey>> {
    let rows = store.connections.fetch(sqlx::query(sql::FIND_KEY.sql()).bind(hash.to_vec())).await?;
    rows.first().map(key).transpose()
}

pub(super) async fn list_keys(store: &SqliteStore, limit: u32) -> Result<Vec<StoredKey>> {
    store.connections.fetch(sqlx::query(sql::LIST_KEYS.sql()).bind(limit)).await?.iter().map(key).collect()
}

pub(super) async fn end_key(store: &SqliteStore, id: Uuid, actor: &Actor) -> Result<bool> {
    let now = store.clock.now().as_micros();
    let query = sqlx::query(sql::REVOKE_KEY.sql()).bind(id).bind(&actor.by).bind(now).bind(&actor.reason);
    Ok(!write(store, query).await?.is_empty())
}

pub(super) async fn mark_key(store: &SqliteStore, id: Uuid) -> Result<()> {
    write(store, sqlx::query(sql::TOUCH_KEY.sql()).bind(id).bind(store.clock.now().as_micros())).await?;
    Ok(())
}

pub(super) async fn write(store: &SqliteStore, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>> {
    let mut writer = store.connections.writer().await?;
    let mut transaction = writer.begin().await?;
    let rows = query.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(rows)
}

fn key(row: &SqliteRow) -> Result<StoredKey> {
    let mut columns = Columns::new(row, "an API key");
    let (id, name, prefix) = (columns.uuid()?, columns.read()?, columns.read()?);
    let hash: Vec<u8> = columns.read()?;
    Ok(StoredKey {
        id,
        name,
        prefix,
        hash: hash.try_into().map_err(|_| Error::Corrupt("the hash of an API key is not 32 bytes".to_owned()))?,
        permissions: columns.read()?,
        created_at: columns.time()?,
        created_by: columns.read()?,
        created_because: columns.read()?,
        expires_at: columns.time_or_none()?,
        last_used_at: columns.time_or_none()?,
        revoked_at: columns.time_or_none()?,
        revoked_by: columns.read()?,
        revoked_because: columns.read()?,
    })
}

fn number(columns: &mut Columns<'_>) -> Result<u64> {
    columns.read::<i64>().map(|count| u64::try_from(count).unwrap_or(0))
}
