//! Removing what has been kept long enough.

use std::ops::Range;

use sqlx::Row;
use uuid::Uuid;

use super::{PostgresStore, sql};
use crate::{
    model::{TaskId, Timestamp},
    store::Result,
};

impl PostgresStore {
    pub(super) async fn list_retired(&self, before: Timestamp, ids: Range<Uuid>, limit: u32) -> Result<Vec<TaskId>> {
        let query = sqlx::query(sql::LIST_RETIRED.sql()).bind(before).bind(ids.start).bind(ids.end);
        let rows = query.bind(i64::from(limit)).fetch_all(&self.query).await?;
        rows.iter().map(|row| Ok(TaskId(row.try_get("id")?))).collect()
    }

    pub(super) async fn remove(&self, tasks: &[TaskId], before: Timestamp) -> Result<Vec<TaskId>> {
        let ids: Vec<Uuid> = tasks.iter().map(|task| task.0).collect();
        let rows = sqlx::query(sql::REMOVE_TASKS.sql()).bind(ids).bind(before).fetch_all(&self.query).await?;
        rows.iter().map(|row| Ok(TaskId(row.try_get("id")?))).collect()
    }
}
