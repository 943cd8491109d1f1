//! Addresses to which the log is sent: registered, looked at, stopped and started, and what came of each delivery.

mod address;
mod document;

use std::time::Duration;

use tracing::info;
use uuid::Uuid;

pub use document::{
    CreatedWebhook, Delivery, DeliveryState, NewWebhook, Try, TryError, Webhook, WebhookDefinition, WebhookState,
};

#[cfg(feature = "webhooks")]
pub(crate) use document::secret_bytes;

use self::address::check_address;
use super::{Engine, Error, EventCursor, Result, control::check_actor, submit::check_text};
use crate::{
    model::{Actor, Page, limits},
    store::{self, DeliveryFilter, RelayPlace, StoredWebhook},
};

/// How long the secret before signs too after a change.
pub const SECRET_OVERLAP: Duration = Duration::from_hours(24);
/// How long the place of a webhook counts as watched after it was moved.
const LISTENING_MS: u64 = 60_000;

impl Engine {
    /// Registers a webhook. It gets what happens from now on, or from the place that the request names.
    ///
    /// # Errors
    /// [`Error::FieldInvalid`], also over [`limits::WEBHOOKS`]; [`Error::Store`].
    pub async fn create_webhook(&self, new: NewWebhook) -> Result<CreatedWebhook> {
        let actor = Actor { by: new.by.clone(), reason: new.reason.clone() };
        check_actor(&actor)?;
        let begin = match new.after.as_deref() {
            None => self.store.end_of_events().await?,
            Some("start") => EventCursor::START,
            Some(text) => text.parse().map_err(|reason| Error::FieldInvalid { field: "after", reason })?,
        };
        let definition = WebhookDefinition::new(new)?;
        if self.store.webhooks(None, limits::WEBHOOKS).await?.len() == limits::WEBHOOKS as usize {
            let reason = format!("there are {} webhooks, and each reads the log: delete one first", limits::WEBHOOKS);
            return Err(Error::FieldInvalid { field: "name", reason });
        }
        let (id, secret) = (Uuid::now_v7(), secret()?);
        let text = serde_json::to_string(&definition)
            .map_err(|error| Error::FieldInvalid { field: "name", reason: error.to_string() })?;
        // The place first: without its webhook it is harmless, and the other way round events would be missed.
        self.move_webhook(id, begin).await?;
        self.store.put_webhook(id, &text, &secret, &actor).await?;
        let (by, reason) = (actor.by.as_deref(), actor.reason.as_deref());
        info!(webhook_id = %id, name = definition.name, by, reason, "a webhook was registered");
        self.wakeups.webhooks_changed();
        Ok(CreatedWebhook { webhook: self.webhook(id).await?, secret })
    }

    /// Webhooks, the newest first; at most [`limits::PAGE`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn webhooks(&self) -> Result<Vec<Webhook>> {
        self.store.webhooks(None, limits::PAGE).await?.into_iter().map(Webhook::read).collect()
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; [`Error::Store`].
    pub async fn webhook(&self, id: Uuid) -> Result<Webhook> {
        let found: Option<StoredWebhook> = self.store.webhooks(Some(id), 1).await?.pop();
        found.map_or(Err(Error::WebhookNotFound(id)), Webhook::read)
    }

    /// Stops a webhook where it stands. What it has not got is kept, for [`Engine::enable_webhook`].
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; [`Error::Store`]. To stop one that is stopped changes nothing.
    pub async fn disable_webhook(&self, id: Uuid, actor: &Actor) -> Result<Webhook> {
        self.set_webhook_state(id, WebhookState::Disabled, actor).await
    }

    /// Lets a webhook that was stopped, or has failed, go on where it stands.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; [`Error::Store`].
    pub async fn enable_webhook(&self, id: Uuid, actor: &Actor) -> Result<Webhook> {
        self.set_webhook_state(id, WebhookState::Active, actor).await
    }

    async fn set_webhook_state(&self, id: Uuid, state: WebhookState, actor: &Actor) -> Result<Webhook> {
        check_actor(actor)?;
        if self.store.set_webhook_state(id, state.as_str(), actor).await? {
            let (by, reason) = (actor.by.as_deref(), actor.reason.as_deref());
            info!(webhook_id = %id, state = state.as_str(), by, reason, "a webhook was changed");
            self.wakeups.webhooks_changed();
        }
        self.webhook(id).await
    }

    /// Gives a webhook another secret. The one before signs too for a day ([`SECRET_OVERLAP`]).
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; [`Error::Store`].
    pub async fn rotate_webhook(&self, id: Uuid, actor: &Actor) -> Result<CreatedWebhook> {
        check_actor(actor)?;
        let secret = secret()?;
        let overlap_ms = u64::try_from(SECRET_OVERLAP.as_millis()).unwrap_or(u64::MAX);
        if !self.store.rotate_webhook(id, &secret, overlap_ms, actor).await? {
            return Err(Error::WebhookNotFound(id));
        }
        let (by, reason) = (actor.by.as_deref(), actor.reason.as_deref());
        info!(webhook_id = %id, by, reason, "a webhook got another secret");
        self.wakeups.webhooks_changed();
        Ok(CreatedWebhook { webhook: self.webhook(id).await?, secret })
    }

    /// Removes a webhook with the log of its deliveries.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; [`Error::Store`].
    pub async fn delete_webhook(&self, id: Uuid, actor: &Actor) -> Result<()> {
        check_actor(actor)?;
        if !self.store.delete_webhook(id, &webhook_relay(id)).await? {
            return Err(Error::WebhookNotFound(id));
        }
        let (by, reason) = (actor.by.as_deref(), actor.reason.as_deref());
        info!(webhook_id = %id, by, reason, "a webhook was deleted");
        self.wakeups.webhooks_changed();
        Ok(())
    }

    /// Deliveries of a webhook, the newest first: at most `limit` of those behind `after`; the page's `next` is the one to go
    /// on behind.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; [`Error::FieldInvalid`] for a limit over [`limits::PAGE`]; [`Error::Store`].
    pub async fn deliveries(
        &self,
        id: Uuid,
        state: Option<DeliveryState>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<Delivery>> {
        if limit == 0 || limit > limits::PAGE {
            let reason = format!("write a number from 1 to {}", limits::PAGE);
            return Err(Error::FieldInvalid { field: "limit", reason });
        }
        self.webhook(id).await?;
        let filter = DeliveryFilter { state: state.map(|state| state.as_str().to_owned()), before: after, id: None };
        let found = self.store.deliveries(id, &filter, limit).await?;
        let next = found.last().filter(|_| found.len() == limit as usize).map(|last| last.delivery.id.to_string());
        let items = found.into_iter().map(Delivery::read).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }

    /// Has a delivery that has ended sent once more, as soon as may be.
    ///
    /// # Errors
    /// [`Error::DeliveryNotFound`] if there is none, or it is under way; [`Error::WebhookInactive`] where nothing is sent;
    /// [`Error::Store`].
    pub async fn redeliver(&self, id: Uuid, delivery_id: Uuid, actor: &Actor) -> Result<Delivery> {
        check_actor(actor)?;
        let webhook = self.webhook(id).await?;
        if webhook.state != WebhookState::Active {
            return Err(Error::WebhookInactive { id, state: webhook.state });
        }
        if !self.store.ask_delivery(id, delivery_id, actor).await? {
            return Err(Error::DeliveryNotFound(delivery_id));
        }
        let (by, reason) = (actor.by.as_deref(), actor.reason.as_deref());
        info!(webhook_id = %id, %delivery_id, by, reason, "a delivery was asked for again");
        self.wakeups.webhooks_changed();
        let filter = DeliveryFilter { id: Some(delivery_id), ..DeliveryFilter::default() };
        let found = self.store.deliveries(id, &filter, 1).await?.pop();
        found.map_or(Err(Error::DeliveryNotFound(delivery_id)), Delivery::read)
    }

    /// Where a webhook goes on: behind what was delivered, or failed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn webhook_place(&self, id: Uuid) -> Result<EventCursor> {
        let last = self.store.last_delivery(id).await?.map(|last| last.delivery.places.1);
        let known = self.store.hold_relay(&webhook_relay(id), Uuid::nil(), LISTENING_MS).await?;
        let known = known.filter(|place| place.receipt.is_some()).map(|place| place.cursor);
        match last.max(known) {
            Some(place) => Ok(place),
            // Its place was forgotten by hand, and nothing was ever sent.
            None => self.end_of_events().await,
        }
    }

    /// Records how far a webhook has come: retention goes by it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn move_webhook(&self, id: Uuid, place: EventCursor) -> Result<()> {
        let name = webhook_relay(id);
        self.store.hold_relay(&name, Uuid::nil(), LISTENING_MS).await?;
        let place = RelayPlace { cursor: place, receipt: Some("{}".to_owned()) };
        self.store.move_relay(&name, Uuid::nil(), &place, LISTENING_MS).await?;
        Ok(())
    }

    /// Resolves when a webhook was changed in this process since the last call.
    pub async fn webhooks_changed(&self) {
        self.wakeups.wait_webhooks_changed().await;
    }
}

fn webhook_relay(id: Uuid) -> String {
    format!("webhook/{id}")
}

/// 256 bits of the operating system's randomness, in the form of Standard Webhooks.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| store::Error::Unavailable(format!("the system gives no random numbers: {error}")))?;
    Ok(document::secret_text(&bytes))
}
