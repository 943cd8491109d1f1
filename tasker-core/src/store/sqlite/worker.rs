use super::{
    SqliteStore,
    columns::Columns,
    encode::{self, Hex},
    sql,
};
use crate::{
    model::{Timestamp, WorkerId},
    store::{Result, WorkerRecord},
};

pub(super) async fn put(store: &SqliteStore, worker: &WorkerRecord, worked_at: Option<Timestamp>) -> Result<()> {
    let mut writer = store.connections.writer().await?;
    let mut transaction = writer.begin().await?;
    sqlx::query(sql::PUT_WORKER.sql())
        .bind(worker.worker_id.0)
        .bind(store.clock.now().as_micros())
        .bind(encode::text(worker)?)
        .bind(worked_at.map(Timestamp::as_micros))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn list(store: &SqliteStore, ids: &[WorkerId]) -> Result<Vec<WorkerRecord>> {
    let asked = encode::rows(ids.iter().map(|id| Hex(id.0)))?;
    let rows = store.connections.fetch(sqlx::query(sql::LIST_WORKERS.sql()).bind(asked)).await?;
    rows.iter().map(|row| Columns::new(row, "a worker").decoded()).collect()
}
