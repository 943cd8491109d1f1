use std::{collections::HashMap, sync::Arc};

use sqlx::Row;
use uuid::Uuid;

use super::{hot::Hot, row, sql, transaction::signed};
use crate::store::{Error, Payload, PayloadRequest, Result};

pub(super) async fn load(hot: &Arc<Hot>, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
    let inputs = inputs(hot, requests).await?;
    let payload = |request: &PayloadRequest| match inputs.get(&request.task_id.0) {
        Some(payload) if request.with_context => payload.clone(),
        _ => Payload::default(),
    };
    let mut payloads: Vec<_> = requests.iter().map(payload).collect();
    add_results(hot, requests, &mut payloads).await?;
    Ok(payloads)
}

async fn inputs(hot: &Arc<Hot>, requests: &[PayloadRequest]) -> Result<HashMap<Uuid, Payload>> {
    let mut wanted: Vec<_> = requests.iter().filter(|it| it.with_context).map(|it| it.task_id.0).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = hot.fetch(sqlx::query(sql::LOAD_PAYLOADS_TASKS.sql()).bind(wanted)).await?;
    let inputs = rows.iter().map(|row| {
        let (context, correlation_id) = (row::json(row, "context")?, row.try_get("correlation_id")?);
        Ok((row.try_get("id")?, Payload { context, correlation_id, results: Vec::new() }))
    });
    inputs.collect()
}

async fn add_results(hot: &Arc<Hot>, requests: &[PayloadRequest], payloads: &mut [Payload]) -> Result<()> {
    let steps = (0i32..)
        .zip(requests)
        .flat_map(|(at, request)| request.steps.iter().map(move |idx| (at, request.task_id.0, signed(*idx))));
    let mut keys = (Vec::new(), Vec::new(), Vec::new());
    for (at, task_id, idx) in steps {
        keys.0.push(at);
        keys.1.push(task_id);
        keys.2.push(idx);
    }
    if keys.0.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(sql::LOAD_PAYLOADS_RESULTS.sql()).bind(keys.0).bind(keys.1).bind(keys.2);
    for row in &hot.fetch(query).await? {
        let at: i32 = row.try_get("request")?;
        let payload = usize::try_from(at).ok().and_then(|at| payloads.get_mut(at));
        let payload = payload.ok_or_else(|| Error::Corrupt(format!("an answer to question {at}")))?;
        if let Some(result) = row::json(row, "result")? {
            payload.results.push((row::unsigned(row.try_get("idx")?), result));
        }
    }
    Ok(())
}
