//! Removing what has been kept long enough.

use std::ops::Range;

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    SqliteStore,
    columns::Columns,
    encode::{self, Hex},
    sql,
};
use crate::{
    model::{TaskId, Timestamp},
    store::Result,
};

pub(super) async fn retired(
    store: &SqliteStore,
    before: Timestamp,
    ids: Range<Uuid>,
    limit: u32,
) -> Result<Vec<TaskId>> {
    let query = sqlx::query(sql::LIST_RETIRED.sql()).bind(before.as_micros()).bind(ids.start).bind(ids.end).bind(limit);
    store.connections.fetch(query).await?.iter().map(id).collect()
}

pub(super) async fn remove(store: &SqliteStore, tasks: &[TaskId], before: Timestamp) -> Result<Vec<TaskId>> {
    let mut writer = store.connections.writer().await?;
    let mut transaction = writer.begin().await?;
    let asked = encode::rows(tasks.iter().map(|task| Hex(task.0)))?;
    let query = sqlx::query(sql::REMOVE_TASKS.sql()).bind(asked).bind(before.as_micros());
    let gone: Vec<TaskId> = query.fetch_all(&mut *transaction).await?.iter().map(id).collect::<Result<_>>()?;
    let ids = encode::rows(gone.iter().map(|task| Hex(task.0)))?;
    for statement in [&sql::REMOVE_EVENTS, &sql::REMOVE_STEPS, &sql::REMOVE_TAGS] {
        sqlx::query(statement.sql()).bind(&ids).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(gone)
}

fn id(row: &SqliteRow) -> Result<TaskId> {
    Columns::new(row, "a task").uuid().map(TaskId)
}
