use std::{collections::HashSet, time::Duration};

use serde::Serialize;
use uuid::Uuid;

use super::{
    SqliteStore,
    columns::Columns,
    encode::{self, Hex},
    sql,
};
use crate::{
    model::{Checkpoint, Lease, TaskId, Timestamp},
    store::{Due, Result},
};

pub(super) async fn extend(store: &SqliteStore, leases: &[Lease], lease_ms: u64) -> Result<Vec<Option<Timestamp>>> {
    let rows = leases.iter().map(|lease| LeaseRow::new(*lease, None));
    put(store, sql::EXTEND_LEASES.sql(), rows.collect(), lease_ms).await
}

pub(super) async fn put_checkpoints(
    store: &SqliteStore,
    checkpoints: &[(Lease, Checkpoint)],
    lease_ms: u64,
) -> Result<Vec<Option<Timestamp>>> {
    let rows = checkpoints
        .iter()
        .map(|(lease, checkpoint)| Ok(LeaseRow::new(*lease, Some(encode::text(checkpoint)?))))
        .collect::<Result<_>>()?;
    put(store, sql::PUT_CHECKPOINTS.sql(), rows, lease_ms).await
}

#[derive(Serialize)]
struct LeaseRow {
    #[serde(skip)]
    lease: Lease,
    task_id: Hex,
    idx: u32,
    attempt: u32,
    checkpoint: Option<String>,
}

impl LeaseRow {
    fn new(lease: Lease, checkpoint: Option<String>) -> Self {
        let Lease { task_id, step_idx, attempt } = lease;
        Self { lease, task_id: Hex(task_id.0), idx: step_idx, attempt, checkpoint }
    }
}

/// The new end of each lease that was still held.
async fn put(
    store: &SqliteStore,
    statement: &'static str,
    leases: Vec<LeaseRow>,
    lease_ms: u64,
) -> Result<Vec<Option<Timestamp>>> {
    let asked = encode::text(&leases)?;
    let mut writer = store.connections.writer().await?;
    let mut transaction = writer.begin().await?;
    let until = store.clock.now() + Duration::from_millis(lease_ms);
    let query = sqlx::query(statement).bind(asked).bind(until.as_micros());
    let rows = query.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    let held = rows.iter().map(|row| {
        let mut columns = Columns::new(row, "a step");
        Ok(Lease { task_id: TaskId(columns.uuid()?), step_idx: columns.count()?, attempt: columns.count()? })
    });
    let held = held.collect::<Result<HashSet<_>>>()?;
    Ok(leases.iter().map(|row| held.contains(&row.lease).then_some(until)).collect())
}

pub(super) async fn due(store: &SqliteStore, limit: u32) -> Result<Due> {
    let now = store.clock.now().as_micros();
    // One more than is answered tells whether something is left.
    let limit_plus = i64::from(limit) + 1;
    let rows = store.connections.fetch(sqlx::query(sql::DUE.sql()).bind(now).bind(limit_plus)).await?;
    let found = rows.iter().map(|row| {
        let mut columns = Columns::new(row, "what is due");
        Ok((columns.read::<Option<Uuid>>()?.map(TaskId), columns.read()?, columns.time_or_none()?))
    });
    Due::new(found, limit)
}
