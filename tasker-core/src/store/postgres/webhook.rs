//! Where the log is sent to over HTTP, and what came of it.

use async_trait::async_trait;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{PostgresStore, row, sql, within};
use crate::{
    model::{Actor, TaskId},
    store::{
        DeliveryFilter, Error, EventCursor, NewDelivery, Result, StoredDelivery, StoredWebhook, WebhookStore,
        statement::Statement,
    },
};

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn put_webhook(&self, id: Uuid, definition: &str, secret: &str, actor: &Actor) -> Result<()> {
        let query = sqlx::query(sql::PUT_WEBHOOK.sql());
        let query = query.bind(id).bind(definition).bind(secret).bind(&actor.by).bind(&actor.reason);
        within(async { Ok(query.execute(&self.query).await.map(drop)?) }).await
    }

    async fn webhooks(&self, id: Option<Uuid>, limit: u32) -> Result<Vec<StoredWebhook>> {
        let query = sqlx::query(sql::LIST_WEBHOOKS.sql()).bind(id).bind(i64::from(limit));
        within(async { query.fetch_all(&self.query).await?.iter().map(webhook).collect() }).await
    }

    async fn hold_webhooks(&self, holder: Uuid, lease_ms: u64) -> Result<Vec<StoredWebhook>> {
        let query = sqlx::query(sql::HOLD_WEBHOOKS.sql()).bind(holder).bind(signed(lease_ms));
        within(async { query.fetch_all(&self.query).await?.iter().map(webhook).collect() }).await
    }

    async fn release_webhooks(&self, holder: Uuid) -> Result<()> {
        let query = sqlx::query(sql::RELEASE_WEBHOOKS.sql()).bind(holder);
        within(async { Ok(query.execute(&self.query).await.map(drop)?) }).await
    }

    async fn set_webhook_state(&self, id: Uuid, state: &str, actor: &Actor) -> Result<bool> {
        let query = sqlx::query(sql::SET_WEBHOOK_STATE.sql());
        let query = query.bind(id).bind(state).bind(&actor.by).bind(&actor.reason);
        within(async { Ok(query.fetch_optional(&self.query).await?.is_some()) }).await
    }

    async fn rotate_webhook(&self, id: Uuid, secret: &str, overlap_ms: u64, actor: &Actor) -> Result<bool> {
        let query = sqlx::query(sql::ROTATE_WEBHOOK.sql()).bind(id).bind(secret).bind(signed(overlap_ms));
        let query = query.bind(&actor.by).bind(&actor.reason);
        within(async { Ok(query.fetch_optional(&self.query).await?.is_some()) }).await
    }

    async fn count_webhook_failure(&self, id: Uuid, has_failed: bool, most: u32, reason: &str) -> Result<bool> {
        let query = sqlx::query(sql::COUNT_WEBHOOK_FAILURE.sql());
        let query = query.bind(id).bind(has_failed).bind(i64::from(most)).bind(reason);
        within(async {
            let row = query.fetch_optional(&self.query).await?;
            row.map_or(Ok(false), |row| Ok(row.try_get::<&str, _>("state")? == "failed"))
        })
        .await
    }

    async fn delete_webhook(&self, id: Uuid, relay: &str) -> Result<bool> {
        let query = sqlx::query(sql::DELETE_WEBHOOK.sql()).bind(id).bind(relay);
        within(async { Ok(query.fetch_optional(&self.query).await?.is_some()) }).await
    }

    async fn begin_delivery(&self, delivery: &NewDelivery) -> Result<bool> {
        let NewDelivery { places: (after, until), .. } = delivery;
        let query = sqlx::query(sql::BEGIN_DELIVERY.sql())
            .bind(delivery.id)
            .bind(delivery.webhook_id)
            .bind(after.position)
            .bind(after.task_id.0)
            .bind(after.seq)
            .bind(until.to_string())
            .bind(super::transaction::signed(delivery.events))
            .bind(&delivery.kind)
            .bind(super::transaction::signed(delivery.tries_left));
        within(async { Ok(query.fetch_optional(&self.query).await?.is_some()) }).await
    }

    async fn record_delivery(
        &self,
        id: Uuid,
        tries_left: u32,
        state: &str,
        tries: &str,
        delay_ms: u64,
    ) -> Result<bool> {
        let query = sqlx::query(sql::RECORD_DELIVERY.sql())
            .bind(id)
            .bind(super::transaction::signed(tries_left))
            .bind(state)
            .bind(tries)
            .bind(signed(delay_ms));
        within(async { Ok(query.fetch_optional(&self.query).await?.is_some()) }).await
    }

    async fn next_delivery(&self, webhook_id: Uuid) -> Result<Option<StoredDelivery>> {
        self.one_delivery(&sql::NEXT_DELIVERY, webhook_id).await
    }

    async fn last_delivery(&self, webhook_id: Uuid) -> Result<Option<StoredDelivery>> {
        self.one_delivery(&sql::LAST_DELIVERY, webhook_id).await
    }

    async fn deliveries(&self, webhook_id: Uuid, filter: &DeliveryFilter, limit: u32) -> Result<Vec<StoredDelivery>> {
        let query = sqlx::query(sql::LIST_DELIVERIES.sql())
            .bind(webhook_id)
            .bind(&filter.state)
            .bind(filter.before)
            .bind(filter.id)
            .bind(i64::from(limit));
        within(async { query.fetch_all(&self.query).await?.iter().map(delivery).collect() }).await
    }

    async fn ask_delivery(&self, webhook_id: Uuid, id: Uuid, actor: &Actor) -> Result<bool> {
        let query = sqlx::query(sql::ASK_DELIVERY.sql());
        let query = query.bind(webhook_id).bind(id).bind(&actor.by).bind(&actor.reason);
        within(async { Ok(query.fetch_optional(&self.query).await?.is_some()) }).await
    }

    async fn prune_deliveries(&self, webhook_id: Uuid, delivered_ms: u64, failed_ms: u64, limit: u32) -> Result<u64> {
        let query = sqlx::query(sql::PRUNE_DELIVERIES.sql());
        let query = query.bind(webhook_id).bind(signed(delivered_ms)).bind(signed(failed_ms)).bind(i64::from(limit));
        within(async { Ok(query.execute(&self.query).await?.rows_affected()) }).await
    }
}

impl PostgresStore {
    async fn one_delivery(&self, statement: &'static Statement, webhook_id: Uuid) -> Result<Option<StoredDelivery>> {
        let query = sqlx::query(statement.sql()).bind(webhook_id);
        within(async { query.fetch_optional(&self.query).await?.as_ref().map(delivery).transpose() }).await
    }
}

fn webhook(row: &PgRow) -> Result<StoredWebhook> {
    Ok(StoredWebhook {
        id: row.try_get("id")?,
        definition: row.try_get("definition")?,
        state: row.try_get("state")?,
        failures: row::unsigned(row.try_get("failures")?),
        secret: row.try_get("secret")?,
        previous_secret: row.try_get("previous_secret")?,
        previous_until: row.try_get("previous_until")?,
        created_at: row.try_get("created_at")?,
        created_by: row.try_get("created_by")?,
        created_because: row.try_get("created_because")?,
        changed_at: row.try_get("changed_at")?,
        changed_by: row.try_get("changed_by")?,
        changed_because: row.try_get("changed_because")?,
        asked_at: row.try_get("asked_at")?,
    })
}

fn delivery(row: &PgRow) -> Result<StoredDelivery> {
    let task_id = TaskId(row.try_get("task_id")?);
    let after = EventCursor { position: row.try_get("position")?, task_id, seq: row.try_get("seq")? };
    let until = row.try_get::<&str, _>("until")?.parse().map_err(Error::Corrupt)?;
    Ok(StoredDelivery {
        delivery: NewDelivery {
            id: row.try_get("id")?,
            webhook_id: row.try_get("webhook_id")?,
            places: (after, until),
            events: row::unsigned(row.try_get("events")?),
            kind: row.try_get("type")?,
            tries_left: row::unsigned(row.try_get("tries_left")?),
        },
        state: row.try_get("state")?,
        due_at: row.try_get("due_at")?,
        tries: row.try_get("tries")?,
        created_at: row.try_get("created_at")?,
        ended_at: row.try_get("ended_at")?,
        asked_at: row.try_get("asked_at")?,
        asked_by: row.try_get("asked_by")?,
        asked_because: row.try_get("asked_because")?,
    })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
