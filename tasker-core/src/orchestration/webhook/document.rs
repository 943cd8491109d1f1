use base64::{Engine as _, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{Error, Result, check_address, check_text};
use crate::{
    model::Timestamp,
    store::{self, StoredDelivery, StoredWebhook},
};

/// What secrets begin with.
const SECRET: &str = "whsec_";
/// Bounds of what a webhook may ask for, and what it gets if it asks for nothing.
const BATCH: (u32, u32) = (1, 100);
const TRIES: (u32, u32) = (12, 30);
const TIMEOUT_MS: (u64, u64) = (10_000, 30_000);
const TYPES: usize = 64;

/// A webhook that is to be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// What it is for.
    pub name: String,
    /// Where to send: `https://host/path`.
    pub url: String,
    /// Only events of this namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Only events of tasks of the template of this name.
    #[serde(default)]
    pub template: Option<String>,
    /// Only events of these types: `task.completed`, `step.*`, or the name of a domain event, such as `order.paid`.
    #[serde(default)]
    pub types: Vec<String>,
    /// Events sent together at most, 1 to 100; 1 if not given. With more than 1 each message is a list.
    #[serde(default)]
    pub batch: Option<u32>,
    /// Times that a message is sent at most, 1 to 30; 12 if not given, which takes about half an hour.
    #[serde(default)]
    pub tries: Option<u32>,
    /// How long an answer is waited for, 1 to 30,000; 10,000 if not given.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Begin behind the event with this cursor, or at the beginning of the log with `start`; with what happens from now on if
    /// not given.
    #[serde(default)]
    pub after: Option<String>,
    /// Who registers it; the name of the key that the request brings if not given.
    #[serde(default)]
    pub by: Option<String>,
    /// Why; kept with the webhook.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What a webhook sends where. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct WebhookDefinition {
    pub name: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Events sent together at most.
    pub batch: u32,
    /// Times that a message is sent at most.
    pub tries: u32,
    pub timeout_ms: u64,
}

/// Whether a webhook sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    Active,
    /// Stopped by hand.
    Disabled,
    /// Given up, because one delivery after the other has failed, or the receiver said that it is gone.
    Failed,
}

impl WebhookState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Failed => "failed",
        }
    }
}

/// A webhook without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Webhook {
    pub webhook_id: Uuid,
    pub definition: WebhookDefinition,
    pub state: WebhookState,
    /// Deliveries that failed one after the other, up to now.
    pub failures: u32,
    pub created_at: Timestamp,
    /// Who registered it, and why.
    pub created_by: Option<String>,
    pub created_because: Option<String>,
    /// The last change of the state or of the secret.
    pub changed_at: Option<Timestamp>,
    /// Who changed it, and why; `tasker` where it was given up.
    pub changed_by: Option<String>,
    pub changed_because: Option<String>,
}

/// A webhook that was registered, or given another secret. The secret is shown here and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct CreatedWebhook {
    pub webhook: Webhook,
    /// What signs the messages, in the form of Standard Webhooks.
    pub secret: String,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent, or to be sent again.
    Pending,
    /// The receiver has it.
    Delivered,
    /// Sent as often as it may be, and not taken.
    Failed,
}

impl DeliveryState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// Events that are sent together, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// What the receiver knows it by: `webhook-id`.
    pub delivery_id: Uuid,
    pub webhook_id: Uuid,
    pub state: DeliveryState,
    /// The type of its first event.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many events it has.
    pub events: u32,
    pub tries: Vec<Try>,
    /// How often it may still be sent.
    pub tries_left: u32,
    /// The next try of one that is pending.
    pub due_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// When it was last asked for again, by whom and why.
    pub asked_at: Option<Timestamp>,
    pub asked_by: Option<String>,
    pub asked_because: Option<String>,
}

/// One time that a delivery was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Try {
    pub at: Timestamp,
    pub duration_ms: u64,
    /// The status of the answer; none where there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it does not count as delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TryError>,
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TryError {
    /// The address is private, or of this machine, and the server does not send there.
    AddressRefused,
    /// No address is known for the host.
    HostUnknown,
    /// No connection came about.
    Unreachable,
    /// The answer did not come in time.
    Timeout,
    /// The connection broke off.
    Broken,
    /// The answer sends us elsewhere, which is not followed.
    Redirected,
    /// The answer has another status than 200 to 299.
    Status,
    /// The events were removed before they were sent.
    EventsGone,
}

impl WebhookDefinition {
    pub(super) fn new(new: NewWebhook) -> Result<Self> {
        let invalid = |field, reason: &str| Err(Error::FieldInvalid { field, reason: reason.to_owned() });
        check_text("name", &new.name)?;
        if new.name.trim().is_empty() {
            return invalid("name", "is empty: say what the webhook is for");
        }
        check_address(&new.url)?;
        for (field, text) in [("namespace", &new.namespace), ("template", &new.template)] {
            text.as_deref().map_or(Ok(()), |text| check_text(field, text))?;
        }
        new.types.iter().try_for_each(|kind| check_text("types", kind))?;
        if new.types.len() > TYPES {
            return invalid("types", "has more than 64 entries");
        }
        let (batch, tries) = (new.batch.unwrap_or(BATCH.0), new.tries.unwrap_or(TRIES.0));
        let timeout_ms = new.timeout_ms.unwrap_or(TIMEOUT_MS.0);
        if !(1..=BATCH.1).contains(&batch) {
            return invalid("batch", "write a number from 1 to 100");
        }
        if !(1..=TRIES.1).contains(&tries) {
            return invalid("tries", "write a number from 1 to 30");
        }
        if !(1..=TIMEOUT_MS.1).contains(&timeout_ms) {
            return invalid("timeout_ms", "write a number from 1 to 30000");
        }
        let NewWebhook { name, url, namespace, template, types, .. } = new;
        Ok(Self { name, url, namespace, template, types, batch, tries, timeout_ms })
    }
}

impl Webhook {
    pub(crate) fn read(stored: StoredWebhook) -> Result<Self> {
        Ok(Self {
            webhook_id: stored.id,
            definition: decoded("a webhook", &stored.definition)?,
            state: word("the state of a webhook", &stored.state)?,
            failures: stored.failures,
            created_at: stored.created_at,
            created_by: stored.created_by,
            created_because: stored.created_because,
            changed_at: stored.changed_at,
            changed_by: stored.changed_by,
            changed_because: stored.changed_because,
        })
    }
}

impl Delivery {
    pub(crate) fn read(stored: StoredDelivery) -> Result<Self> {
        Ok(Self {
            delivery_id: stored.delivery.id,
            webhook_id: stored.delivery.webhook_id,
            state: word("the state of a delivery", &stored.state)?,
            kind: stored.delivery.kind,
            events: stored.delivery.events,
            tries: decoded("the tries of a delivery", &stored.tries)?,
            tries_left: stored.delivery.tries_left,
            due_at: stored.due_at,
            created_at: stored.created_at,
            ended_at: stored.ended_at,
            asked_at: stored.asked_at,
            asked_by: stored.asked_by,
            asked_because: stored.asked_because,
        })
    }
}

/// A secret as it is shown.
pub(super) fn secret_text(bytes: &[u8]) -> String {
    format!("{SECRET}{}", BASE64_STANDARD.encode(bytes))
}

/// The bytes that a secret stands for.
#[cfg(feature = "webhooks")]
pub(crate) fn secret_bytes(text: &str) -> Result<Vec<u8>> {
    let bytes = text.strip_prefix(SECRET).and_then(|text| BASE64_STANDARD.decode(text).ok());
    bytes.ok_or_else(|| store::Error::Corrupt("the secret of a webhook".to_owned()).into())
}

fn decoded<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| store::Error::Corrupt(format!("{what}: {error}")).into())
}

fn word<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_value(text.into()).map_err(|error| store::Error::Corrupt(format!("{what}: {error}")).into())
}
