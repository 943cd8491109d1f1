//! What operators ask for.

use std::sync::Arc;

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{PostgresStore, row, sql};
use crate::{
    dag::TemplateKey,
    model::{Actor, EventBatch, TaskId, TaskState, TemplateId, Timestamp, limits},
    store::{Counts, Error, EventCursor, Followed, KnownWorker, Oddity, QueueDepth, Result, StoredKey},
};

impl PostgresStore {
    pub(super) async fn follow(&self, after: EventCursor, limit: u32) -> Result<Vec<Followed>> {
        // Two statements, each with a snapshot of its own: what ended between them is visible to the second.
        let end = self.log_end().await?;
        let query = sqlx::query(sql::LIST_ALL_EVENTS.sql())
            .bind(after.position)
            .bind(after.task_id.0)
            .bind(i64::from(limit))
            .bind(end)
            .bind(after.seq)
            .bind(i64::from(limits::EVENT_BYTES));
        let mut followed = Vec::new();
        for row in &query.fetch_all(&self.log).await? {
            let position: i64 = row.try_get("position")?;
            let template_id: Option<Uuid> = row.try_get("template_id")?;
            let environment: Option<Arc<str>> = row.try_get::<Option<&str>, _>("environment")?.map(Into::into);
            let template = template_id.map(|id| TemplateKey { id: TemplateId(id), environment });
            let batch: EventBatch = row::events(row, TaskId(row.try_get("task_id")?))?;
            followed.extend(batch.events().filter(|event| after.precedes(position, event)).map(|event| Followed {
                cursor: EventCursor { position, task_id: event.task_id, seq: event.seq },
                template: template.clone(),
                event,
            }));
        }
        Ok(followed)
    }

    pub(super) async fn known_workers_since(&self, since: Timestamp, limit: u32) -> Result<Vec<KnownWorker>> {
        let query = sqlx::query(sql::LIST_KNOWN_WORKERS.sql()).bind(since).bind(i64::from(limit));
        let rows = query.fetch_all(&self.query).await?;
        let worker = |row: &PgRow| {
            Ok(KnownWorker {
                record: row::structured(row, "description")?
                    .ok_or_else(|| Error::Corrupt("a worker without a description".to_owned()))?,
                started_at: row.try_get("started_at")?,
                seen_at: row.try_get("seen_at")?,
                worked_at: row.try_get("worked_at")?,
            })
        };
        rows.iter().map(worker).collect()
    }

    /// Tasks by state.
    async fn count_tasks_by_state(&self, exactly: u64) -> Result<Counts> {
        let exactly = signed(exactly);
        let total = sqlx::query(sql::COUNT_TOTAL.sql()).bind(exactly).fetch_one(&self.query).await?;
        let (counted, estimated): (i64, Option<i64>) = (total.try_get("counted")?, total.try_get("estimated")?);
        let is_estimated = counted >= exactly;
        let query = match is_estimated {
            true => sqlx::query(sql::COUNT_REST.sql()).bind(signed(limits::COUNT)),
            false => sqlx::query(sql::COUNT_STATES.sql()),
        };
        let mut counts = Counts::default();
        for row in &query.fetch_all(&self.query).await? {
            let state: TaskState = row.try_get::<&str, _>("state")?.parse().map_err(Error::Corrupt)?;
            counts.add_tasks(state, row.try_get("tasks")?);
        }
        if is_estimated {
            counts.estimate_complete(counted.max(estimated.unwrap_or(0)));
        }
        Ok(counts)
    }

    pub(super) async fn count_all(&self, limit: u32, exactly: u64) -> Result<Counts> {
        let mut counts = self.count_tasks_by_state(exactly).await?;
        for row in &sqlx::query(sql::COUNT_DUE.sql()).fetch_all(&self.query).await? {
            let steps = unsigned(row.try_get("steps")?);
            match row.try_get::<&str, _>("state")? {
                "in_progress" => counts.running = steps,
                _ => counts.delayed += steps,
            }
        }
        let queues = sqlx::query(sql::COUNT_QUEUES.sql()).bind(i64::from(limit)).bind(signed(limits::COUNT));
        for row in &queues.fetch_all(&self.query).await? {
            counts.queues.push(QueueDepth {
                queue: row.try_get("queue")?,
                handler: row.try_get("handler")?,
                steps: unsigned(row.try_get("steps")?),
                oldest: TaskId(row.try_get("oldest")?),
            });
        }
        Ok(counts)
    }

    pub(super) async fn ahead(&self, step: &crate::model::Step, priority: i16, limit: u32) -> Result<u64> {
        let query = sqlx::query(sql::COUNT_AHEAD.sql())
            .bind(&step.queue)
            .bind(&step.handler)
            .bind(priority)
            .bind(step.id.task_id.0)
            .bind(super::transaction::signed(step.id.idx))
            .bind(i64::from(limit));
        Ok(unsigned(query.fetch_one(&self.query).await?.try_get(0)?))
    }

    pub(super) async fn odd(&self, tasks: u32, limit: u32) -> Result<Vec<Oddity>> {
        let statements = [
            &sql::FIND_STUCK_TASKS,
            &sql::FIND_WRONG_COUNTS,
            &sql::FIND_WRONG_UNMET,
            &sql::FIND_GAPS,
            &sql::FIND_OVERDUE,
        ];
        let mut found = Vec::new();
        for statement in statements {
            let query = sqlx::query(statement.sql()).bind(i64::from(tasks)).bind(i64::from(limit));
            for row in &query.fetch_all(&self.query).await? {
                let step: Option<i32> = row.try_get("idx")?;
                let task_id = TaskId(row.try_get("task_id")?);
                found.push(Oddity { check: statement.name, task_id, step: step.map(row::unsigned) });
            }
        }
        Ok(found)
    }

    pub(super) async fn add_key(&self, key: &StoredKey) -> Result<()> {
        let query = sqlx::query(sql::PUT_KEY.sql())
            .bind(key.id)
            .bind(&key.name)
            .bind(&key.prefix)
            .bind(key.hash.to_vec())
            .bind(&key.permissions)
            .bind(&key.created_by)
            .bind(key.expires_at)
            .bind(&key.created_because);
        query.execute(&self.query).await?;
        Ok(())
    }

    pub(super) async fn find_key(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>> {
        let rows = sqlx::query(sql::FIND_KEY.sql()).bind(hash.to_vec()).fetch_all(&self.query).await?;
        rows.first().map(key).transpose()
    }

    pub(super) async fn list_keys(&self, limit: u32) -> Result<Vec<StoredKey>> {
        let rows = sqlx::query(sql::LIST_KEYS.sql()).bind(i64::from(limit)).fetch_all(&self.query).await?;
        rows.iter().map(key).collect()
    }

    pub(super) async fn end_key(&self, id: Uuid, actor: &Actor) -> Result<bool> {
        let query = sqlx::query(sql::REVOKE_KEY.sql()).bind(id).bind(&actor.by).bind(&actor.reason);
        Ok(!query.fetch_all(&self.query).await?.is_empty())
    }

    pub(super) async fn mark_key(&self, id: Uuid) -> Result<()> {
        sqlx::query(sql::TOUCH_KEY.sql()).bind(id).execute(&self.query).await?;
        Ok(())
    }

    pub(super) async fn log_end(&self) -> Result<i64> {
        Ok(sqlx::query(sql::END_OF_EVENTS.sql()).fetch_one(&self.query).await?.try_get(0)?)
    }
}

fn key(row: &PgRow) -> Result<StoredKey> {
    let hash: Vec<u8> = row.try_get("hash")?;
    Ok(StoredKey {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        hash: hash.try_into().map_err(|_| Error::Corrupt("the hash of an API key is not 32 bytes".to_owned()))?,
        permissions: row.try_get("permissions")?,
        created_at: row.try_get("created_at")?,
        created_by: row.try_get("created_by")?,
        created_because: row.try_get("created_because")?,
        expires_at: row.try_get("expires_at")?,
        last_used_at: row.try_get("last_used_at")?,
        revoked_at: row.try_get("revoked_at")?,
        revoked_by: row.try_get("revoked_by")?,
        revoked_because: row.try_get("revoked_because")?,
    })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
