use std::{collections::HashMap, sync::Arc};

use sqlx::{
    Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    hot::{Hot, Taken},
    row, sql,
    transaction::signed,
};
use crate::model::{StepPlace, TaskFlow};
use crate::store::{Error, Payload, PayloadRequest, Result, Statement, Work};

/// Where statements go: to any connection, or to that of an open transaction.
pub(super) enum Source<'a> {
    Hot(&'a Arc<Hot>),
    Open(&'a mut Taken),
}

impl Source<'_> {
    async fn fetch(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        match self {
            Self::Hot(hot) => hot.fetch(query).await,
            Self::Open(taken) => Ok(query.fetch_all(&mut ***taken).await?),
        }
    }
}

pub(super) async fn load(mut source: Source<'_>, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
    let source = &mut source;
    let inputs = inputs(source, requests).await?;
    let payload = |request: &PayloadRequest| match inputs.get(&request.task_id.0) {
        Some(payload) if request.with_context => payload.clone(),
        _ => Payload::default(),
    };
    let mut payloads: Vec<_> = requests.iter().map(payload).collect();
    add_results(source, requests, &mut payloads).await?;
    add_parts(source, requests, &mut payloads).await?;
    add_work(source, requests, &mut payloads).await?;
    Ok(payloads)
}

async fn inputs(source: &mut Source<'_>, requests: &[PayloadRequest]) -> Result<HashMap<Uuid, Payload>> {
    let mut wanted: Vec<_> = requests.iter().filter(|it| it.with_context).map(|it| it.task_id.0).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = source.fetch(sqlx::query(sql::LOAD_PAYLOADS_TASKS.sql()).bind(wanted)).await?;
    let inputs = rows.iter().map(|row| {
        let (context, correlation_id) = (row::json(row, "context")?, row.try_get("correlation_id")?);
        let TaskFlow { parent, trace, .. } = row::structured(row, "flow")?.unwrap_or_default();
        Ok((row.try_get("id")?, Payload { context, correlation_id, parent, trace, ..Payload::default() }))
    });
    inputs.collect()
}

async fn add_results(source: &mut Source<'_>, requests: &[PayloadRequest], payloads: &mut [Payload]) -> Result<()> {
    for row in &fetch(source, &sql::LOAD_PAYLOADS_RESULTS, requests, |request| &request.steps).await? {
        if let Some(result) = row::json(row, "result")? {
            asked(row, payloads)?.results.push((row::unsigned(row.try_get("idx")?), result));
        }
    }
    Ok(())
}

async fn add_parts(source: &mut Source<'_>, requests: &[PayloadRequest], payloads: &mut [Payload]) -> Result<()> {
    let mut keys = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, request) in (0i32..).zip(requests) {
        for range in request.parts.iter().map(|step| StepPlace::parts_of(*step)) {
            keys.0.push(at);
            keys.1.push(request.task_id.0);
            keys.2.push(signed(range.start));
            keys.3.push(signed(range.end));
        }
    }
    if keys.0.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(sql::LOAD_PAYLOADS_PARTS.sql()).bind(keys.0).bind(keys.1).bind(keys.2).bind(keys.3);
    for row in &source.fetch(query).await? {
        if let Some(result) = row::json(row, "result")? {
            asked(row, payloads)?.parts.push((row::unsigned(row.try_get("idx")?), result));
        }
    }
    Ok(())
}

async fn add_work(source: &mut Source<'_>, requests: &[PayloadRequest], payloads: &mut [Payload]) -> Result<()> {
    for row in &fetch(source, &sql::LOAD_PAYLOADS_WORK, requests, |request| &request.work).await? {
        let work = Work { part: row::structured(row, "part")?, checkpoint: row::structured(row, "checkpoint")? };
        asked(row, payloads)?.work.push((row::unsigned(row.try_get("idx")?), work));
    }
    Ok(())
}

/// What a statement knows of the steps that are asked for; it is not executed where there are none.
async fn fetch(
    source: &mut Source<'_>,
    statement: &Statement,
    requests: &[PayloadRequest],
    steps: fn(&PayloadRequest) -> &[u32],
) -> Result<Vec<PgRow>> {
    let mut keys = (Vec::new(), Vec::new(), Vec::new());
    for (at, request) in (0i32..).zip(requests) {
        for idx in steps(request) {
            keys.0.push(at);
            keys.1.push(request.task_id.0);
            keys.2.push(signed(*idx));
        }
    }
    if keys.0.is_empty() {
        return Ok(Vec::new());
    }
    source.fetch(sqlx::query(statement.sql()).bind(keys.0).bind(keys.1).bind(keys.2)).await
}

/// The payload of the request that a row answers.
fn asked<'p>(row: &PgRow, payloads: &'p mut [Payload]) -> Result<&'p mut Payload> {
    let at: i32 = row.try_get("request")?;
    let payload = usize::try_from(at).ok().and_then(|at| payloads.get_mut(at));
    payload.ok_or_else(|| Error::Corrupt(format!("an answer to question {at}")))
}
