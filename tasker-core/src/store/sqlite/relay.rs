//! How far the log has been carried to others.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    SqliteStore,
    columns::Columns,
    encode::{self, Hex},
    operations::write,
    sql,
};
use crate::{
    model::TaskId,
    store::{EventCursor, KnownRelay, Origin, RelayPlace, Result},
};

pub(super) async fn hold(store: &SqliteStore, name: &str, holder: Uuid, lease_ms: u64) -> Result<Option<RelayPlace>> {
    let now = store.clock.now();
    let query = sqlx::query(sql::HOLD_RELAY.sql())
        .bind(name)
        .bind(holder)
        .bind((now + Duration::from_millis(lease_ms)).as_micros())
        .bind(now.as_micros());
    write(store, query).await?.first().map(|row| place(&mut Columns::new(row, "a relay"))).transpose()
}

pub(super) async fn advance(
    store: &SqliteStore,
    name: &str,
    holder: Uuid,
    place: &RelayPlace,
    lease_ms: u64,
) -> Result<bool> {
    let now = store.clock.now();
    let RelayPlace { cursor, receipt } = place;
    let query = sqlx::query(sql::MOVE_RELAY.sql())
        .bind(name)
        .bind(holder)
        .bind((now + Duration::from_millis(lease_ms)).as_micros())
        .bind(cursor.position)
        .bind(cursor.task_id.0)
        .bind(cursor.seq)
        .bind(receipt)
        .bind(now.as_micros());
    Ok(!write(store, query).await?.is_empty())
}

pub(super) async fn release(store: &SqliteStore, name: &str, holder: Uuid) -> Result<()> {
    write(store, sqlx::query(sql::RELEASE_RELAY.sql()).bind(name).bind(holder)).await?;
    Ok(())
}

pub(super) async fn list(store: &SqliteStore) -> Result<Vec<KnownRelay>> {
    let query = sqlx::query(sql::LIST_RELAYS.sql()).bind(store.clock.now().as_micros());
    let relay = |row: &SqliteRow| {
        let mut columns = Columns::new(row, "a relay");
        Ok(KnownRelay {
            name: columns.read()?,
            holder: columns.read()?,
            place: place(&mut columns)?,
            moved_at: columns.time_or_none()?,
            behind_since: columns.time_or_none()?,
        })
    };
    store.connections.fetch(query).await?.iter().map(relay).collect()
}

pub(super) async fn moved(store: &SqliteStore, name: &str, span_ms: u64) -> Result<bool> {
    let since = store.clock.now().as_micros().saturating_sub(i64::try_from(span_ms * 1_000).unwrap_or(i64::MAX));
    let query = sqlx::query(sql::HAS_MOVED.sql()).bind(name).bind(since);
    let rows = store.connections.fetch(query).await?;
    Ok(rows.first().map(|row| Columns::new(row, "a relay").read()).transpose()?.flatten().unwrap_or(false))
}

pub(super) async fn origins(store: &SqliteStore, tasks: &[TaskId]) -> Result<Vec<Origin>> {
    let asked = encode::rows(tasks.iter().map(|task_id| Hex(task_id.0)))?;
    let rows = store.connections.fetch(sqlx::query(sql::LIST_ORIGINS.sql()).bind(asked)).await?;
    let origin = |row| {
        let mut columns = Columns::new(row, "a task");
        let (task_id, correlation_id) = (TaskId(columns.uuid()?), columns.read()?);
        Ok(Origin::new(task_id, correlation_id, columns.decoded_or_none()?))
    };
    rows.iter().map(origin).collect()
}

pub(super) async fn forget(store: &SqliteStore, name: &str) -> Result<bool> {
    Ok(!write(store, sqlx::query(sql::FORGET_RELAY.sql()).bind(name)).await?.is_empty())
}

fn place(columns: &mut Columns<'_>) -> Result<RelayPlace> {
    let cursor = EventCursor { position: columns.read()?, task_id: TaskId(columns.uuid()?), seq: columns.read()? };
    Ok(RelayPlace { cursor, receipt: columns.read()? })
}
