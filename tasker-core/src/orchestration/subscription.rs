use std::time::Duration;

use uuid::Uuid;

use super::{Engine, Result};
use crate::store::{EventCursor, RelayPlace};

/// How long a subscription counts as listening after it was last heard of.
const LISTENING: Duration = Duration::from_secs(60);

/// Who gets the log, and how far that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// `nats`, `subscription/NAME` or `webhook/NAME`.
    pub name: String,
    /// Whether a process carries to it now.
    pub is_held: bool,
    /// The age of the oldest event that it has not got; none if it has all.
    pub behind: Duration,
}

impl Engine {
    /// Everyone who gets the log, by name.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn receivers(&self) -> Result<Vec<Receiver>> {
        let relays = self.store.relays().await?;
        if relays.is_empty() {
            return Ok(Vec::new());
        }
        let (now, webhooks) = (self.store.now().await?, self.webhooks().await?);
        let name = |relay: &str| {
            let id = relay.strip_prefix("webhook/").and_then(|id| id.parse::<Uuid>().ok())?;
            let webhook = webhooks.iter().find(|webhook| webhook.webhook_id == id)?;
            Some(format!("webhook/{}", webhook.definition.name))
        };
        let receivers = relays.into_iter().map(|relay| Receiver {
            name: name(&relay.name).unwrap_or(relay.name),
            is_held: relay.holder.is_some(),
            behind: relay.behind_since.map_or(Duration::ZERO, |since| now.since(since)),
        });
        Ok(receivers.collect())
    }

    /// Where a subscription goes on: behind the last event that it is done with. A new one begins behind `begin`, or at the end
    /// of the log.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn subscription(&self, name: &str, begin: Option<EventCursor>) -> Result<EventCursor> {
        let known = self.store.hold_relay(&relay(name), HOLDER, listening_ms()).await?;
        if let Some(place) = known.filter(|place| place.receipt.is_some()) {
            return Ok(place.cursor);
        }
        let begin = match begin {
            Some(begin) => begin,
            None => self.store.end_of_events().await?,
        };
        self.move_subscription(name, begin).await?;
        Ok(begin)
    }

    /// Records that a subscription is done with all events up to a place.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn move_subscription(&self, name: &str, done: EventCursor) -> Result<()> {
        // The receipt tells it from one that has never begun.
        let place = RelayPlace { cursor: done, receipt: Some("{}".to_owned()) };
        self.store.move_relay(&relay(name), HOLDER, &place, listening_ms()).await?;
        Ok(())
    }
}

/// Whoever knows the name may go on with it.
const HOLDER: Uuid = Uuid::nil();

fn relay(name: &str) -> String {
    format!("subscription/{name}")
}

fn listening_ms() -> u64 {
    u64::try_from(LISTENING.as_millis()).unwrap_or(u64::MAX)
}
