//! One open transaction on PostgreSQL: lock and read, look for candidates, write.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use sqlx::{Postgres, Row, postgres::PgArguments, query::Query};

use super::{
    hot::{Hot, Taken},
    insert, payload,
    row::loaded,
    sql,
};
use crate::{
    model::{EventBatch, Json, TaskId, Timestamp},
    state::{Changes, Claim, Scope, Snapshot, StepChange, TaskChange},
    store::{
        Error, Payload, PayloadRequest, Result,
        transaction::{Locked, Transaction},
    },
};

pub(super) struct Open(Taken);

impl Open {
    pub(super) async fn begin(hot: &Arc<Hot>) -> Result<Self> {
        let mut taken = hot.take().await?;
        taken.say("begin").await?;
        Ok(Self(taken))
    }

    async fn end(mut self, statement: &'static str) -> Result<()> {
        self.0.say(statement).await?;
        self.0.give_back();
        Ok(())
    }

    /// Locks and reads tasks: the steps asked for with their dependents, and every step of those in `whole`.
    async fn load(&mut self, scope: &[Scope], whole: &[TaskId]) -> Result<Snapshot> {
        let whole: Vec<_> = whole.iter().map(|task_id| task_id.0).collect();
        let ids: Vec<_> = scope.iter().map(|scope| scope.task_id.0).chain(whole.iter().copied()).collect();
        let steps = scope.iter().flat_map(|scope| scope.steps.iter().map(|idx| (scope.task_id.0, signed(*idx))));
        let (tasks, idxs): (Vec<_>, Vec<_>) = steps.unzip();
        loop {
            let query = sqlx::query(sql::LOAD_SCOPE.sql()).bind(&ids).bind(&tasks).bind(&idxs).bind(&whole);
            let loaded = loaded(&query.fetch_all(&mut *self.0).await?)?;
            // With the locks in hand, the second reading cannot be stale.
            if !loaded.is_stale {
                self.0.tell_time(loaded.snapshot.now);
                return Ok(loaded.snapshot);
            }
        }
    }
}

#[async_trait]
impl Transaction for Open {
    async fn lock(&mut self, tasks: &[TaskId]) -> Result<Locked> {
        let ids: Vec<_> = tasks.iter().map(|task_id| task_id.0).collect();
        let rows = sqlx::query(sql::LOCK_TASKS.sql()).bind(&ids).fetch_all(&mut *self.0).await?;
        let seqs = rows.iter().map(|row| Ok((TaskId(row.try_get("id")?), row.try_get("seq")?)));
        let seqs = seqs.collect::<Result<_>>()?;
        // Without a task there is nothing whose time could matter.
        let now = rows.last().map_or(Ok(Timestamp::from_micros(0)), |row| row.try_get("now"))?;
        self.0.tell_time(now);
        Ok(Locked { now, seqs })
    }

    async fn load_scope(&mut self, scope: &[Scope]) -> Result<Snapshot> {
        let whole: Vec<_> = scope.iter().filter(|scope| scope.whole).map(|scope| scope.task_id).collect();
        self.load(scope, &whole).await
    }

    async fn load_whole(&mut self, tasks: &[TaskId]) -> Result<Snapshot> {
        self.load(&[], tasks).await
    }

    async fn load_candidates(&mut self, claim: &Claim, limit: usize) -> Result<Snapshot> {
        let routes = claim.routes.iter().map(|route| (route.queue.as_ref(), route.handler.as_ref()));
        let (queues, handlers): (Vec<&str>, Vec<&str>) = routes.unzip();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(sql::LOAD_CANDIDATES.sql()).bind(&queues).bind(&handlers).bind(limit);
        let snapshot = loaded(&query.fetch_all(&mut *self.0).await?)?.snapshot;
        self.0.tell_time(snapshot.now);
        Ok(snapshot)
    }

    async fn load_payloads(&mut self, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
        payload::load(payload::Source::Open(&mut self.0), requests).await
    }

    async fn apply(&mut self, changes: &Changes) -> Result<()> {
        // What is stored anew may go on in the same changes.
        if !changes.spawned.is_empty() {
            let decided_at = changes.events.first().map(|events| events.at);
            insert::statement(&changes.spawned, &Changes::default(), decided_at)?.execute(&mut *self.0).await?;
        }
        if !changes.parts.is_empty() {
            insert::parts(&changes.parts)?.execute(&mut *self.0).await?;
        }
        if !changes.added.is_empty() {
            insert::added(&changes.added).execute(&mut *self.0).await?;
        }
        bind(sqlx::query(sql::APPLY.sql()), changes)?.execute(&mut *self.0).await?;
        if !changes.flows.is_empty() {
            let (tasks, flows): (Vec<_>, Vec<_>) =
                changes.flows.iter().map(|(task_id, flow)| (task_id.0, text(Some(flow)))).unzip();
            sqlx::query(sql::PUT_FLOWS.sql()).bind(tasks).bind(flows).execute(&mut *self.0).await?;
        }
        if !changes.priorities.is_empty() {
            let (tasks, priorities): (Vec<_>, Vec<_>) =
                changes.priorities.iter().map(|(task_id, priority)| (task_id.0, *priority)).unzip();
            for statement in [&sql::PRIORITIZE_TASKS, &sql::PRIORITIZE_STEPS] {
                sqlx::query(statement.sql()).bind(&tasks).bind(&priorities).execute(&mut *self.0).await?;
            }
        }
        Ok(())
    }

    async fn commit(self) -> Result<()> {
        self.end("commit").await
    }

    async fn rollback(self) -> Result<()> {
        self.end("rollback").await
    }
}

/// Writes changes in one statement, unless a task has moved on; see `apply_unchanged.sql`.
pub(super) async fn apply_unchanged(hot: &Arc<Hot>, changes: &Changes) -> Result<bool> {
    if let ([task], [batch]) = (changes.tasks.as_slice(), changes.events.as_slice()) {
        return apply_unchanged_one(hot, task, &changes.steps, batch).await;
    }
    let query = bind(sqlx::query(sql::APPLY_UNCHANGED.sql()), changes)?;
    let rows = hot.fetch(query.bind(of(&changes.events, |batch| batch.first_seq - 1))).await?;
    Ok(rows.first().map_or(Ok(false), |row| row.try_get(0))?)
}

async fn apply_unchanged_one(
    hot: &Arc<Hot>,
    task: &TaskChange,
    steps: &[StepChange],
    batch: &EventBatch,
) -> Result<bool> {
    let query = sqlx::query(sql::APPLY_UNCHANGED_ONE.sql())
        .bind(task.task_id.0)
        .bind(task.state.as_str())
        .bind(signed(task.counts.total))
        .bind(signed(task.counts.done))
        .bind(signed(task.counts.active))
        .bind(signed(task.counts.failed))
        .bind(task.seq)
        .bind(task.deadline_at)
        .bind(text(task.error.as_ref()))
        .bind(task.updated_at)
        .bind(task.completed_at)
        .bind(of(steps, |step| signed(step.id.idx)))
        .bind(of(steps, |step| step.state.as_str()))
        .bind(of(steps, |step| signed(step.attempt)))
        .bind(of(steps, |step| signed(step.failures)))
        .bind(of(steps, |step| signed(step.losses)))
        .bind(of(steps, |step| signed(step.unmet)))
        .bind(of(steps, |step| step.due_at))
        .bind(of(steps, |step| step.worker_id.map(|worker| worker.0)))
        .bind(of(steps, |step| step.started_at))
        .bind(of(steps, |step| step.ended_at))
        .bind(of(steps, |step| step.result.as_ref().map(Json::as_str)))
        .bind(of(steps, |step| text(step.error.as_ref())))
        .bind(of(steps, |step| text(step.flow.as_deref())))
        .bind(batch.first_seq - 1)
        .bind(facts_of(batch)?);
    Ok(!hot.fetch(query).await?.is_empty())
}

/// The parameters of `apply`, which are the first ones of `apply_unchanged` too.
fn bind<'q>(query: Query<'q, Postgres, PgArguments>, changes: &'q Changes) -> Result<Query<'q, Postgres, PgArguments>> {
    let Changes { tasks, steps, events, .. } = changes;
    Ok(query
        .bind(of(tasks, |task| task.task_id.0))
        .bind(of(tasks, |task| task.state.as_str()))
        .bind(of(tasks, |task| signed(task.counts.total)))
        .bind(of(tasks, |task| signed(task.counts.done)))
        .bind(of(tasks, |task| signed(task.counts.active)))
        .bind(of(tasks, |task| signed(task.counts.failed)))
        .bind(of(tasks, |task| task.seq))
        .bind(of(tasks, |task| task.deadline_at))
        .bind(of(tasks, |task| text(task.error.as_ref())))
        .bind(of(tasks, |task| task.updated_at))
        .bind(of(tasks, |task| task.completed_at))
        .bind(of(steps, |step| step.id.task_id.0))
        .bind(of(steps, |step| signed(step.id.idx)))
        .bind(of(steps, |step| step.state.as_str()))
        .bind(of(steps, |step| signed(step.attempt)))
        .bind(of(steps, |step| signed(step.failures)))
        .bind(of(steps, |step| signed(step.losses)))
        .bind(of(steps, |step| signed(step.unmet)))
        .bind(of(steps, |step| step.due_at))
        .bind(of(steps, |step| step.worker_id.map(|worker| worker.0)))
        .bind(of(steps, |step| step.started_at))
        .bind(of(steps, |step| step.ended_at))
        .bind(of(steps, |step| step.result.as_ref().map(Json::as_str)))
        .bind(of(steps, |step| text(step.error.as_ref())))
        .bind(of(steps, |step| text(step.flow.as_deref())))
        .bind(of(events, |batch| batch.task_id.0))
        .bind(of(events, |batch| batch.first_seq))
        .bind(of(events, |batch| batch.at))
        .bind(facts(changes)?))
}

pub(super) fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn of<'a, T, C>(rows: &'a [T], column: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(column).collect()
}

fn text(value: Option<&impl Serialize>) -> Option<String> {
    value.and_then(|value| serde_json::to_string(value).ok())
}

fn facts(changes: &Changes) -> Result<Vec<String>> {
    changes.events.iter().map(facts_of).collect()
}

fn facts_of(batch: &EventBatch) -> Result<String> {
    let text = serde_json::to_string(&batch.facts);
    text.map_err(|error| Error::Corrupt(format!("events cannot be written: {error}")))
}
