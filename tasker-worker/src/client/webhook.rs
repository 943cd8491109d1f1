//! Webhooks: the same on a store and over a server.

use serde::de::DeserializeOwned;
use serde_json::json;
use tasker_core::{
    model::Actor,
    orchestration::{CreatedWebhook, Delivery, DeliveryState, NewWebhook, Webhook},
};
use uuid::Uuid;

use super::{
    Backend, Client, Page, Result,
    http::{Connection, Repeat},
};

impl Client {
    /// Webhooks, the newest first, without their secrets.
    ///
    /// # Errors
    /// `permission_missing`, `database_unavailable`.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.webhooks().await?),
            Backend::Http(connection) => {
                let page: Page<Webhook> = connection.get(connection.url(["v1", "webhooks"])).await?;
                Ok(page.items)
            }
        }
    }

    /// Registers a webhook, whose secret is in this answer and never again.
    ///
    /// # Errors
    /// `field_invalid`; `permission_missing`.
    pub async fn create_webhook(&self, new: NewWebhook) -> Result<CreatedWebhook> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.create_webhook(new).await?),
            Backend::Http(connection) => {
                connection.post(connection.url(["v1", "webhooks"]), &new, Repeat::IfUnsent).await
            }
        }
    }

    /// Stops a webhook where it stands.
    ///
    /// # Errors
    /// `webhook_not_found`; `permission_missing`.
    pub async fn disable_webhook(&self, id: Uuid, actor: &Actor) -> Result<Webhook> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.disable_webhook(id, actor).await?),
            Backend::Http(connection) => change(connection, id, &["disable"], actor).await,
        }
    }

    /// Lets a webhook go on that was stopped, or has failed.
    ///
    /// # Errors
    /// `webhook_not_found`; `permission_missing`.
    pub async fn enable_webhook(&self, id: Uuid, actor: &Actor) -> Result<Webhook> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.enable_webhook(id, actor).await?),
            Backend::Http(connection) => change(connection, id, &["enable"], actor).await,
        }
    }

    /// Gives a webhook another secret; the one before signs too for a day.
    ///
    /// # Errors
    /// `webhook_not_found`; `permission_missing`.
    pub async fn rotate_webhook(&self, id: Uuid, actor: &Actor) -> Result<CreatedWebhook> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.rotate_webhook(id, actor).await?),
            Backend::Http(connection) => change(connection, id, &["rotate"], actor).await,
        }
    }

    /// Removes a webhook with the log of its deliveries.
    ///
    /// # Errors
    /// `webhook_not_found`; `permission_missing`.
    pub async fn delete_webhook(&self, id: Uuid, actor: &Actor) -> Result<()> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.delete_webhook(id, actor).await?),
            Backend::Http(connection) => {
                let mut url = connection.url(["v1", "webhooks", &id.to_string()]);
                let pairs = [("by", &actor.by), ("reason", &actor.reason)];
                url.query_pairs_mut()
                    .extend_pairs(pairs.into_iter().filter_map(|(name, it)| Some((name, it.as_ref()?))));
                connection.delete(url).await
            }
        }
    }

    /// What was sent to a webhook, the newest first: at most `limit` of those behind `after`, which is the page before's `next`.
    ///
    /// # Errors
    /// `webhook_not_found`; `field_invalid` for a limit over 1,000.
    pub async fn deliveries(
        &self,
        id: Uuid,
        state: Option<DeliveryState>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<Delivery>> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.deliveries(id, state, after, limit).await?),
            Backend::Http(connection) => {
                let mut url = connection.url(["v1", "webhooks", &id.to_string(), "deliveries"]);
                url.query_pairs_mut()
                    .append_pair("limit", &limit.to_string())
                    .extend_pairs(state.map(|state| ("state", state.as_str())))
                    .extend_pairs(after.map(|after| ("after", after.to_string())));
                connection.get(url).await
            }
        }
    }

    /// Has a delivery that has ended sent once more.
    ///
    /// # Errors
    /// `delivery_not_found`, `webhook_not_found`, `webhook_inactive`; `permission_missing`.
    pub async fn redeliver(&self, id: Uuid, delivery_id: Uuid, actor: &Actor) -> Result<Delivery> {
        match &self.backend {
            Backend::Embedded(engine) => Ok(engine.redeliver(id, delivery_id, actor).await?),
            Backend::Http(connection) => {
                let place = ["deliveries", &delivery_id.to_string(), "redeliver"];
                change(connection, id, &place, actor).await
            }
        }
    }
}

async fn change<T: DeserializeOwned>(connection: &Connection, id: Uuid, place: &[&str], actor: &Actor) -> Result<T> {
    let id = id.to_string();
    let url = connection.url(["v1", "webhooks", &id].into_iter().chain(place.iter().copied()));
    let body = json!({"by": actor.by, "reason": actor.reason});
    connection.post(url, &body, Repeat::IfUnsent).await
}
