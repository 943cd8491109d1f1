use std::{collections::HashSet, time::Duration};

use serde::Serialize;

use super::{
    SqliteStore,
    columns::Columns,
    encode::{self, Hex},
    sql,
};
use crate::{
    model::{Lease, StepId, TaskId, Timestamp},
    store::{Due, Result},
};

pub(super) async fn extend(store: &SqliteStore, leases: &[Lease], lease_ms: u64) -> Result<Vec<Option<Timestamp>>> {
    #[derive(Serialize)]
    struct LeaseRow {
        task_id: Hex,
        idx: u32,
        attempt: u32,
    }
    let asked = encode::rows(leases.iter().map(|lease| LeaseRow {
        task_id: Hex(lease.task_id.0),
        idx: lease.step_idx,
        attempt: lease.attempt,
    }))?;
    let mut writer = store.connections.writer().await?;
    let mut transaction = writer.begin().await?;
    let until = store.clock.now() + Duration::from_millis(lease_ms);
    let query = sqlx::query(sql::EXTEND_LEASES.sql()).bind(asked).bind(until.as_micros());
    let rows = query.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    let held = rows.iter().map(|row| {
        let mut columns = Columns::new(row, "a step");
        Ok(Lease { task_id: TaskId(columns.uuid()?), step_idx: columns.count()?, attempt: columns.count()? })
    });
    let held = held.collect::<Result<HashSet<_>>>()?;
    Ok(leases.iter().map(|lease| held.contains(lease).then_some(until)).collect())
}

pub(super) async fn due(store: &SqliteStore, limit: u32) -> Result<Due> {
    let now = store.clock.now().as_micros();
    // One more than is answered tells whether something is left.
    let limit_plus = i64::from(limit) + 1;
    let steps = store.connections.fetch(sqlx::query(sql::DUE_STEPS.sql()).bind(now).bind(limit_plus)).await?;
    let steps = steps.iter().map(|row| {
        let mut columns = Columns::new(row, "a step");
        Ok((StepId::new(TaskId(columns.uuid()?), columns.count()?), columns.time()?))
    });
    let tasks = store.connections.fetch(sqlx::query(sql::DUE_TASKS.sql()).bind(now).bind(limit_plus)).await?;
    let tasks = tasks.iter().map(|row| {
        let mut columns = Columns::new(row, "a task");
        Ok((TaskId(columns.uuid()?), columns.time()?))
    });
    let next = store.connections.fetch(sqlx::query(sql::NEXT_DUE.sql()).bind(now)).await?;
    let next = next.first().map(|row| Columns::new(row, "a due time").time_or_none()).transpose()?.flatten();
    Ok(Due::new(steps.collect::<Result<_>>()?, tasks.collect::<Result<_>>()?, limit, next))
}
