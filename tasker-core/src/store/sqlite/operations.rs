//! What operators ask for.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments, sqlite::SqliteRow};
use uuid::Uuid;

use super::{SqliteStore, columns::Columns, encode, read, sql};
use crate::{
    dag::TemplateKey,
    model::{EventBatch, Step, Task, TaskId, TaskState, TemplateId, Timestamp},
    store::{
        Counts, Error, EventCursor, Followed, KnownWorker, Oddity, QueueDepth, Result, StoredKey, TaskFilter,
        search::{Look, Want, keep, words},
    },
};

/// A search; the statement is made for what is asked for.
async fn search(
    store: &SqliteStore,
    filter: &TaskFilter,
    want: Want,
    look: Look,
    limit: u64,
) -> Result<Vec<SqliteRow>> {
    let (text, order) = keep(sql::SEARCH_TASKS.sql(), &words(filter, want, look), '?');
    let mut query = sqlx::query(AssertSqlSafe(text));
    for number in order {
        query = bind(query, filter, number, limit)?;
    }
    store.connections.fetch(query).await
}

fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    filter: &'q TaskFilter,
    number: usize,
    limit: u64,
) -> Result<Query<'q, Sqlite, SqliteArguments>> {
    let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
    Ok(match number {
        1 => query.bind(i64::try_from(limit).unwrap_or(i64::MAX)),
        2 => query.bind(filter.ids().start),
        3 => query.bind(filter.ids().end),
        4 => query.bind(&filter.namespace),
        5 => query.bind(&filter.name),
        6 => query.bind(&filter.version),
        7 => query.bind(encode::rows(filter.states.iter().map(|state| state.as_str()))?),
        8 => query.bind(&filter.tag),
        9 => query.bind(&filter.correlation_id),
        10 => query.bind(&filter.parent_correlation_id),
        11 => query.bind(&filter.initiator),
        12 => query.bind(&filter.source_system),
        13 => query.bind(filter.priority),
        14 => query.bind(micros(filter.created.from)),
        15 => query.bind(micros(filter.created.before)),
        16 => query.bind(micros(filter.updated.from)),
        17 => query.bind(micros(filter.updated.before)),
        18 => query.bind(micros(filter.completed.from)),
        _ => query.bind(micros(filter.completed.before)),
    })
}

async fn page(store: &SqliteStore, filter: &TaskFilter, want: Want, limit: u64) -> Result<Vec<SqliteRow>> {
    let mut found = Vec::new();
    for look in Look::of(filter, want) {
        found = search(store, filter, want, *look, limit).await?;
        if found.len() as u64 >= limit {
            break;
        }
    }
    Ok(found)
}

pub(super) async fn rows(store: &SqliteStore, filter: &TaskFilter, limit: u64) -> Result<Vec<Task>> {
    page(store, filter, Want::Rows, limit).await?.iter().map(read::read_task).collect()
}

pub(super) async fn ids(store: &SqliteStore, filter: &TaskFilter, limit: u64) -> Result<Vec<TaskId>> {
    let rows = page(store, filter, Want::Ids, limit).await?;
    rows.iter().map(|row| Columns::new(row, "a task").uuid().map(TaskId)).collect()
}

pub(super) async fn count(store: &SqliteStore, filter: &TaskFilter, limit: u64) -> Result<u64> {
    let rows = page(store, filter, Want::Count, limit).await?;
    rows.first().map_or(Ok(0), |row| number(&mut Columns::new(row, "a count")))
}

pub(super) async fn follow(store: &SqliteStore, after: EventCursor, limit: u32) -> Result<Vec<Followed>> {
    let query = sqlx::query(sql::LIST_ALL_EVENTS.sql()).bind(after.position).bind(after.task_id.0).bind(limit);
    let mut followed = Vec::new();
    for row in &store.connections.fetch(query).await? {
        let mut columns = Columns::new(row, "an event");
        let position: i64 = columns.read()?;
        let batch = EventBatch {
            task_id: TaskId(columns.uuid()?),
            first_seq: columns.read()?,
            at: columns.time()?,
            facts: columns.decoded()?,
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

pub(super) async fn counts(store: &SqliteStore, limit: u32) -> Result<Counts> {
    let mut counts = Counts::default();
    for row in &store.connections.fetch(sqlx::query(sql::COUNT_STATES.sql())).await? {
        let mut columns = Columns::new(row, "a count");
        let state: TaskState = columns.word()?;
        counts.add_tasks(state, columns.read()?);
    }
    for row in &store.connections.fetch(sqlx::query(sql::COUNT_DUE.sql())).await? {
        let mut columns = Columns::new(row, "a count");
        let state: &str = columns.read()?;
        let steps = number(&mut columns)?;
        match state {
            "in_progress" => counts.running = steps,
            _ => counts.delayed += steps,
        }
    }
    for row in &store.connections.fetch(sqlx::query(sql::COUNT_QUEUES.sql()).bind(limit)).await? {
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
        .bind(store.clock.now().as_micros());
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

pub(super) async fn end_key(store: &SqliteStore, id: Uuid, by: Option<&str>) -> Result<bool> {
    let now = store.clock.now().as_micros();
    Ok(!write(store, sqlx::query(sql::REVOKE_KEY.sql()).bind(id).bind(by).bind(now)).await?.is_empty())
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
        expires_at: columns.time_or_none()?,
        last_used_at: columns.time_or_none()?,
        revoked_at: columns.time_or_none()?,
        revoked_by: columns.read()?,
    })
}

fn number(columns: &mut Columns<'_>) -> Result<u64> {
    columns.read::<i64>().map(|count| u64::try_from(count).unwrap_or(0))
}
