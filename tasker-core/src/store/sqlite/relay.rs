//! How far the log has been carried to others.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{SqliteStore, columns::Columns, operations::write, sql};
use crate::{
    model::TaskId,
    store::{EventCursor, KnownRelay, RelayPlace, Result},
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

pub(super) async fn forget(store: &SqliteStore, name: &str) -> Result<bool> {
    Ok(!write(store, sqlx::query(sql::FORGET_RELAY.sql()).bind(name)).await?.is_empty())
}

fn place(columns: &mut Columns<'_>) -> Result<RelayPlace> {
    let cursor = EventCursor { position: columns.read()?, task_id: TaskId(columns.uuid()?), seq: columns.read()? };
    Ok(RelayPlace { cursor, receipt: columns.read()? })
}
