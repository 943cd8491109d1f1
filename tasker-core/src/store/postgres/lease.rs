use std::{collections::HashMap, sync::Arc};

use sqlx::{
    Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{hot::Hot, sql, transaction::signed};
use crate::{
    model::{Checkpoint, Lease, Timestamp},
    store::{Error, Result},
};

pub(super) async fn extend(hot: &Arc<Hot>, leases: &[Lease], lease_ms: u64) -> Result<Vec<Option<Timestamp>>> {
    let query = bind(sqlx::query(sql::EXTEND_LEASES.sql()), leases.iter());
    let rows = hot.fetch(query.bind(i64::try_from(lease_ms).unwrap_or(i64::MAX))).await?;
    ends(leases.iter(), &rows)
}

pub(super) async fn put_checkpoints(
    hot: &Arc<Hot>,
    checkpoints: &[(Lease, Checkpoint)],
    lease_ms: u64,
) -> Result<Vec<Option<Timestamp>>> {
    let texts = checkpoints.iter().map(|(_, checkpoint)| serde_json::to_string(checkpoint));
    let texts = texts.collect::<Result<Vec<_>, _>>().map_err(|error| Error::Refused(error.to_string()))?;
    let leases = checkpoints.iter().map(|(lease, _)| lease);
    let query = bind(sqlx::query(sql::PUT_CHECKPOINTS.sql()), leases.clone());
    let rows = hot.fetch(query.bind(texts).bind(i64::try_from(lease_ms).unwrap_or(i64::MAX))).await?;
    ends(leases, &rows)
}

fn bind<'q, 'l>(
    query: Query<'q, Postgres, PgArguments>,
    leases: impl Iterator<Item = &'l Lease> + Clone,
) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(leases.clone().map(|lease| lease.task_id.0).collect::<Vec<_>>())
        .bind(leases.clone().map(|lease| signed(lease.step_idx)).collect::<Vec<_>>())
        .bind(leases.map(|lease| signed(lease.attempt)).collect::<Vec<_>>())
}

/// The new end of each lease that was still held.
fn ends<'l>(leases: impl Iterator<Item = &'l Lease>, rows: &[PgRow]) -> Result<Vec<Option<Timestamp>>> {
    let mut extended: HashMap<(Uuid, i32, i32), Timestamp> = HashMap::with_capacity(rows.len());
    for row in rows {
        let key = (row.try_get("task_id")?, row.try_get("idx")?, row.try_get("attempt")?);
        extended.insert(key, row.try_get("due_at")?);
    }
    let of = |lease: &Lease| (lease.task_id.0, signed(lease.step_idx), signed(lease.attempt));
    Ok(leases.map(|lease| extended.get(&of(lease)).copied()).collect())
}
