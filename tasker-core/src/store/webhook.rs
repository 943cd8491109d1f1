//! Where the log is sent to over HTTP, and what came of it.

use async_trait::async_trait;
use uuid::Uuid;

use super::{EventCursor, Result};
use crate::model::{Actor, Timestamp};

/// A webhook as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWebhook {
    pub id: Uuid,
    /// JSON, in the words of `orchestration::WebhookDefinition`.
    pub definition: String,
    /// `active`, `disabled` or `failed`.
    pub state: String,
    /// Deliveries that failed one after the other, up to now.
    pub failures: u32,
    pub secret: String,
    /// Signs too until the time beside it.
    pub previous_secret: Option<String>,
    pub previous_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: Option<String>,
    pub created_because: Option<String>,
    pub changed_at: Option<Timestamp>,
    pub changed_by: Option<String>,
    pub changed_because: Option<String>,
    /// When a delivery was last asked for again.
    pub asked_at: Option<Timestamp>,
}

/// Events that go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    pub id: Uuid,
    pub webhook_id: Uuid,
    /// Before the first event, and behind the last.
    pub places: (EventCursor, EventCursor),
    pub events: u32,
    /// The type of the first event.
    pub kind: String,
    pub tries_left: u32,
}

/// A delivery as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDelivery {
    pub delivery: NewDelivery,
    /// `pending`, `delivered` or `failed`.
    pub state: String,
    /// The next try of one that is pending.
    pub due_at: Option<Timestamp>,
    /// JSON, in the words of `orchestration::Try`.
    pub tries: String,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// When it was last asked for again, by whom and why.
    pub asked_at: Option<Timestamp>,
    pub asked_by: Option<String>,
    pub asked_because: Option<String>,
}

/// Which deliveries of a webhook to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    pub state: Option<String>,
    pub before: Option<Uuid>,
    /// This one alone.
    pub id: Option<Uuid>,
}

/// Webhooks, as a store keeps them.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Stores a new webhook that is active; the store stamps its time.
    async fn put_webhook(&self, id: Uuid, definition: &str, secret: &str, actor: &Actor) -> Result<()>;

    /// Webhooks, the newest first; one alone where `id` is given.
    async fn webhooks(&self, id: Option<Uuid>, limit: u32) -> Result<Vec<StoredWebhook>>;

    /// Takes every active webhook that nobody sends for, and goes on holding those that this process has, for `lease_ms` from
    /// now: all that it has then.
    async fn hold_webhooks(&self, holder: Uuid, lease_ms: u64) -> Result<Vec<StoredWebhook>>;

    /// Lets others take at once what this process has.
    async fn release_webhooks(&self, holder: Uuid) -> Result<()>;

    /// Puts a webhook in a state, with no failures; false if there is none, or it is in that state.
    async fn set_webhook_state(&self, id: Uuid, state: &str, actor: &Actor) -> Result<bool>;

    /// Gives a webhook another secret; the one before signs too for `overlap_ms`. False if there is no such webhook.
    async fn rotate_webhook(&self, id: Uuid, secret: &str, overlap_ms: u64, actor: &Actor) -> Result<bool>;

    /// Counts a delivery that has failed (or starts anew, where one has arrived). Where `most` have failed one after the other,
    /// an active webhook becomes `failed`, for `reason`; true if so.
    async fn count_webhook_failure(&self, id: Uuid, has_failed: bool, most: u32, reason: &str) -> Result<bool>;

    /// Removes a webhook with its deliveries and the relay of this name; false if there is none.
    async fn delete_webhook(&self, id: Uuid, relay: &str) -> Result<bool>;

    /// Stores a delivery that is due at once; false if there is one from the same place on.
    async fn begin_delivery(&self, delivery: &NewDelivery) -> Result<bool>;

    /// Records a try of a pending delivery that had `tries_left`: all tries as JSON, and the state that follows; while it stays
    /// pending, the next is due in `delay_ms`. False, with nothing recorded, if another process has tried it too.
    async fn record_delivery(&self, id: Uuid, tries_left: u32, state: &str, tries: &str, delay_ms: u64)
    -> Result<bool>;

    /// The pending delivery of a webhook that is due first.
    async fn next_delivery(&self, webhook_id: Uuid) -> Result<Option<StoredDelivery>>;

    /// The delivery of a webhook that is furthest in the log.
    async fn last_delivery(&self, webhook_id: Uuid) -> Result<Option<StoredDelivery>>;

    /// Deliveries of a webhook, the newest first.
    async fn deliveries(&self, webhook_id: Uuid, filter: &DeliveryFilter, limit: u32) -> Result<Vec<StoredDelivery>>;

    /// Makes a delivery that has ended pending again, for one try; false if there is none that has ended.
    async fn ask_delivery(&self, webhook_id: Uuid, id: Uuid, actor: &Actor) -> Result<bool>;

    /// Forgets deliveries of a webhook that ended, or failed, longer ago than so many milliseconds, at most `limit`; but never
    /// the one that is furthest in the log. Says how many.
    async fn prune_deliveries(&self, webhook_id: Uuid, delivered_ms: u64, failed_ms: u64, limit: u32) -> Result<u64>;
}
