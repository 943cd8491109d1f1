//! How far the log has been carried to others.

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{PostgresStore, row, sql};
use crate::{
    model::TaskId,
    store::{EventCursor, KnownRelay, Origin, RelayPlace, Result},
};

impl PostgresStore {
    pub(super) async fn hold(&self, name: &str, holder: Uuid, lease_ms: u64) -> Result<Option<RelayPlace>> {
        let query = sqlx::query(sql::HOLD_RELAY.sql()).bind(name).bind(holder).bind(signed(lease_ms));
        query.fetch_optional(&self.query).await?.as_ref().map(place).transpose()
    }

    pub(super) async fn advance(&self, name: &str, holder: Uuid, place: &RelayPlace, lease_ms: u64) -> Result<bool> {
        let RelayPlace { cursor, receipt } = place;
        let query = sqlx::query(sql::MOVE_RELAY.sql())
            .bind(name)
            .bind(holder)
            .bind(signed(lease_ms))
            .bind(cursor.position)
            .bind(cursor.task_id.0)
            .bind(cursor.seq)
            .bind(receipt);
        Ok(query.fetch_optional(&self.query).await?.is_some())
    }

    pub(super) async fn let_go(&self, name: &str, holder: Uuid) -> Result<()> {
        sqlx::query(sql::RELEASE_RELAY.sql()).bind(name).bind(holder).execute(&self.query).await?;
        Ok(())
    }

    pub(super) async fn list_relays(&self) -> Result<Vec<KnownRelay>> {
        let end = self.log_end().await?;
        let rows = sqlx::query(sql::LIST_RELAYS.sql()).bind(end).fetch_all(&self.log).await?;
        let relay = |row: &PgRow| {
            Ok(KnownRelay {
                name: row.try_get("name")?,
                holder: row.try_get("holder")?,
                place: place(row)?,
                moved_at: row.try_get("moved_at")?,
                behind_since: row.try_get("behind_since")?,
            })
        };
        rows.iter().map(relay).collect()
    }

    pub(super) async fn moved(&self, name: &str, span_ms: u64) -> Result<bool> {
        let query = sqlx::query_scalar(sql::HAS_MOVED.sql()).bind(name).bind(signed(span_ms));
        Ok(query.fetch_optional(&self.query).await?.flatten().unwrap_or(false))
    }

    pub(super) async fn list_origins(&self, tasks: &[TaskId]) -> Result<Vec<Origin>> {
        let ids: Vec<_> = tasks.iter().map(|task_id| task_id.0).collect();
        let rows = sqlx::query(sql::LIST_ORIGINS.sql()).bind(ids).fetch_all(&self.query).await?;
        let origin = |row: &PgRow| {
            let flow = row::structured(row, "flow")?;
            Ok(Origin::new(TaskId(row.try_get("id")?), row.try_get("correlation_id")?, flow))
        };
        rows.iter().map(origin).collect()
    }

    pub(super) async fn forget(&self, name: &str) -> Result<bool> {
        let query = sqlx::query(sql::FORGET_RELAY.sql()).bind(name);
        Ok(query.fetch_optional(&self.query).await?.is_some())
    }
}

fn place(row: &PgRow) -> Result<RelayPlace> {
    let task_id = TaskId(row.try_get("task_id")?);
    let cursor = EventCursor { position: row.try_get("position")?, task_id, seq: row.try_get("seq")? };
    Ok(RelayPlace { cursor, receipt: row.try_get("receipt")? })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
