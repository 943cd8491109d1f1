//! Where the log is sent to over HTTP, and what came of it.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{SqliteStore, columns::Columns, operations::write, sql};
use crate::{
    model::{Actor, TaskId},
    store::{
        DeliveryFilter, Error, EventCursor, NewDelivery, Result, StoredDelivery, StoredWebhook, WebhookStore,
        statement::Statement,
    },
};

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn put_webhook(&self, id: Uuid, definition: &str, secret: &str, actor: &Actor) -> Result<()> {
        let query = sqlx::query(sql::PUT_WEBHOOK.sql()).bind(id).bind(definition).bind(secret);
        write(self, query.bind(&actor.by).bind(&actor.reason).bind(self.micros())).await.map(drop)
    }

    async fn webhooks(&self, id: Option<Uuid>, limit: u32) -> Result<Vec<StoredWebhook>> {
        let query = sqlx::query(sql::LIST_WEBHOOKS.sql()).bind(id).bind(limit);
        self.connections.fetch(query).await?.iter().map(webhook).collect()
    }

    async fn hold_webhooks(&self, holder: Uuid, lease_ms: u64) -> Result<Vec<StoredWebhook>> {
        let query = sqlx::query(sql::HOLD_WEBHOOKS.sql()).bind(holder).bind(self.micros_in(lease_ms));
        write(self, query.bind(self.micros())).await?.iter().map(webhook).collect()
    }

    async fn release_webhooks(&self, holder: Uuid) -> Result<()> {
        write(self, sqlx::query(sql::RELEASE_WEBHOOKS.sql()).bind(holder)).await.map(drop)
    }

    async fn set_webhook_state(&self, id: Uuid, state: &str, actor: &Actor) -> Result<bool> {
        let query = sqlx::query(sql::SET_WEBHOOK_STATE.sql()).bind(id).bind(state);
        let rows = write(self, query.bind(&actor.by).bind(&actor.reason).bind(self.micros())).await?;
        Ok(!rows.is_empty())
    }

    async fn rotate_webhook(&self, id: Uuid, secret: &str, overlap_ms: u64, actor: &Actor) -> Result<bool> {
        let query = sqlx::query(sql::ROTATE_WEBHOOK.sql()).bind(id).bind(secret).bind(self.micros_in(overlap_ms));
        let rows = write(self, query.bind(&actor.by).bind(&actor.reason).bind(self.micros())).await?;
        Ok(!rows.is_empty())
    }

    async fn count_webhook_failure(&self, id: Uuid, has_failed: bool, most: u32, reason: &str) -> Result<bool> {
        let query = sqlx::query(sql::COUNT_WEBHOOK_FAILURE.sql()).bind(id).bind(has_failed).bind(most);
        let rows = write(self, query.bind(reason).bind(self.micros())).await?;
        rows.first().map_or(Ok(false), |row| Ok(Columns::new(row, "a webhook").read::<&str>()? == "failed"))
    }

    async fn delete_webhook(&self, id: Uuid, relay: &str) -> Result<bool> {
        let mut writer = self.connections.writer().await?;
        let mut transaction = writer.begin().await?;
        sqlx::query(sql::DELETE_WEBHOOK_DELIVERIES.sql()).bind(id).fetch_all(&mut *transaction).await?;
        sqlx::query(sql::FORGET_RELAY.sql()).bind(relay).fetch_all(&mut *transaction).await?;
        let gone = sqlx::query(sql::DELETE_WEBHOOK.sql()).bind(id).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(!gone.is_empty())
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
            .bind(delivery.events)
            .bind(&delivery.kind)
            .bind(delivery.tries_left)
            .bind(self.micros());
        Ok(!write(self, query).await?.is_empty())
    }

    async fn record_delivery(
        &self,
        id: Uuid,
        tries_left: u32,
        state: &str,
        tries: &str,
        delay_ms: u64,
    ) -> Result<bool> {
        let query = sqlx::query(sql::RECORD_DELIVERY.sql()).bind(id).bind(tries_left).bind(state).bind(tries);
        Ok(!write(self, query.bind(self.micros_in(delay_ms)).bind(self.micros())).await?.is_empty())
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
            .bind(limit);
        self.connections.fetch(query).await?.iter().map(delivery).collect()
    }

    async fn ask_delivery(&self, webhook_id: Uuid, id: Uuid, actor: &Actor) -> Result<bool> {
        let mut writer = self.connections.writer().await?;
        let mut transaction = writer.begin().await?;
        let query = sqlx::query(sql::ASK_DELIVERY.sql()).bind(webhook_id).bind(id);
        let query = query.bind(&actor.by).bind(&actor.reason).bind(self.micros());
        let asked = query.fetch_all(&mut *transaction).await?;
        if !asked.is_empty() {
            let note = sqlx::query(sql::NOTE_ASKED.sql()).bind(webhook_id).bind(self.micros());
            note.fetch_all(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(!asked.is_empty())
    }

    async fn prune_deliveries(&self, webhook_id: Uuid, delivered_ms: u64, failed_ms: u64, limit: u32) -> Result<u64> {
        let before =
            |ms: u64| self.micros().saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000));
        let query = sqlx::query(sql::PRUNE_DELIVERIES.sql());
        let query = query.bind(webhook_id).bind(before(delivered_ms)).bind(before(failed_ms)).bind(limit);
        Ok(write(self, query).await?.len() as u64)
    }
}

impl SqliteStore {
    async fn one_delivery(&self, statement: &'static Statement, webhook_id: Uuid) -> Result<Option<StoredDelivery>> {
        let rows = self.connections.fetch(sqlx::query(statement.sql()).bind(webhook_id)).await?;
        rows.first().map(delivery).transpose()
    }

    fn micros(&self) -> i64 {
        self.clock.now().as_micros()
    }

    fn micros_in(&self, ms: u64) -> i64 {
        (self.clock.now() + Duration::from_millis(ms)).as_micros()
    }
}

fn webhook(row: &SqliteRow) -> Result<StoredWebhook> {
    let mut columns = Columns::new(row, "a webhook");
    Ok(StoredWebhook {
        id: columns.uuid()?,
        definition: columns.read()?,
        state: columns.read()?,
        failures: columns.count()?,
        secret: columns.read()?,
        previous_secret: columns.read()?,
        previous_until: columns.time_or_none()?,
        created_at: columns.time()?,
        created_by: columns.read()?,
        created_because: columns.read()?,
        changed_at: columns.time_or_none()?,
        changed_by: columns.read()?,
        changed_because: columns.read()?,
        asked_at: columns.time_or_none()?,
    })
}

fn delivery(row: &SqliteRow) -> Result<StoredDelivery> {
    let mut columns = Columns::new(row, "a delivery");
    let (id, webhook_id) = (columns.uuid()?, columns.uuid()?);
    let after = EventCursor { position: columns.read()?, task_id: TaskId(columns.uuid()?), seq: columns.read()? };
    let until = columns.read::<&str>()?.parse().map_err(Error::Corrupt)?;
    let (events, kind, state, tries_left) = (columns.count()?, columns.read()?, columns.read()?, columns.count()?);
    Ok(StoredDelivery {
        delivery: NewDelivery { id, webhook_id, places: (after, until), events, kind, tries_left },
        state,
        due_at: columns.time_or_none()?,
        tries: columns.read()?,
        created_at: columns.time()?,
        ended_at: columns.time_or_none()?,
        asked_at: columns.time_or_none()?,
        asked_by: columns.read()?,
        asked_because: columns.read()?,
    })
}
