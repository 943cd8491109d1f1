//! The sending to one webhook: one message after the other, in the order of the log.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use super::{
    super::Delivering,
    post::{Message, Post, Posted},
    signature::secrets,
};
use crate::{
    events::CloudEvent,
    model::{Clock, SystemClock},
    orchestration::{Delivery, DeliveryState, Engine, EventCursor, Result, Try, TryError, Webhook},
    store::{self, NewDelivery, StoredDelivery, StoredWebhook},
    view::{EventQuery, Fed, Feed},
};

/// Commits read at once.
const WINDOW: u32 = 200;
/// Deliveries that fail one after the other until the webhook is given up.
const FAILURES: u32 = 5;
/// Before the second try, and before the last ones.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(10));
/// The longest between two records of how far a webhook has come that nothing is sent to.
const RECORD: Duration = Duration::from_secs(5);
/// Bytes of a message; larger events go without their data.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// After a failure of the database.
const REST: Duration = Duration::from_secs(1);

/// What all carriers of a process share. Each has one message under way, whatever the others wait for; how many there are is
/// bounded ([`limits::WEBHOOKS`](crate::model::limits::WEBHOOKS)).
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    pub(super) post: Post,
    pub(super) delivering: Arc<Delivering>,
    pub(super) stopping: CancellationToken,
    /// The first delay between two tries.
    pub(super) first_delay: Duration,
}

/// A webhook as it was last heard of.
pub(super) type Known = watch::Receiver<Arc<StoredWebhook>>;

/// Carries to one webhook, until it is to stop or the webhook is given up. `logged` is told when something was written to the
/// log.
pub(super) async fn carry(shared: Arc<Shared>, webhook: Known, logged: watch::Receiver<()>) {
    loop {
        // After whatever goes wrong it is looked for anew where to go on.
        let carried = match Carrier::new(Arc::clone(&shared), webhook.clone(), logged.clone()).await {
            Ok(mut carrier) => carrier.carry().await,
            Err(error) => Err(error),
        };
        match carried {
            Ok(()) => return,
            Err(error) => warn!(webhook_id = %webhook.borrow().id, %error, "a webhook waits"),
        }
        tokio::select! {
            () = sleep(REST.mul_f64(0.5 + fastrand::f64())) => {}
            () = shared.stopping.cancelled() => return,
        }
    }
}

/// One turn at carrying, up to the first thing that goes wrong.
struct Carrier {
    shared: Arc<Shared>,
    webhook: Known,
    logged: watch::Receiver<()>,
    known: Webhook,
    filter: EventQuery,
    feed: Feed,
    /// Read, and not sent yet.
    waiting: VecDeque<Fed>,
    /// To be sent, or sent again.
    pending: Option<Pending>,
    recorded: (EventCursor, Instant),
}

struct Pending {
    stored: StoredDelivery,
    due: Instant,
}

/// What a turn came to.
enum Turn {
    Again,
    /// The webhook is given up.
    GivenUp,
    /// Nothing to do before this time.
    Rest(Option<Instant>),
}

impl Carrier {
    async fn new(shared: Arc<Shared>, webhook: Known, logged: watch::Receiver<()>) -> Result<Self> {
        let known = Webhook::read(StoredWebhook::clone(&webhook.borrow()))?;
        let place = shared.engine.webhook_place(known.webhook_id).await?;
        let definition = known.definition.clone();
        let filter = EventQuery {
            namespace: definition.namespace,
            name: definition.template,
            types: definition.types,
            ..EventQuery::default()
        };
        let feed = Feed::new(Arc::clone(&shared.engine), place);
        let recorded = (place, Instant::now());
        Ok(Self { shared, webhook, logged, known, filter, feed, waiting: VecDeque::new(), pending: None, recorded })
    }

    async fn carry(&mut self) -> Result<()> {
        self.look().await?;
        while !self.shared.stopping.is_cancelled() {
            self.logged.mark_unchanged();
            if self.webhook.has_changed().unwrap_or(false) {
                self.webhook.mark_unchanged();
                self.look().await?;
            }
            let until = match self.turn().await? {
                Turn::Again => continue,
                Turn::Rest(until) => until,
                Turn::GivenUp => return Ok(()),
            };
            tokio::select! {
                () = rest(until) => {}
                // While a message waits for its next try, nothing that happens matters.
                Ok(()) = self.logged.changed(), if self.pending.is_none() => {}
                Ok(()) = self.webhook.changed() => self.webhook.mark_changed(),
                () = self.shared.stopping.cancelled() => {}
            }
        }
        self.record(true).await
    }

    /// Looks for what is to be sent: left by another process, or asked for again.
    async fn look(&mut self) -> Result<()> {
        let store = self.shared.engine.store();
        let Some(stored) = store.next_delivery(self.known.webhook_id).await? else { return Ok(()) };
        let now = store.now().await?;
        let delay = stored.due_at.filter(|due| *due > now).map_or(Duration::ZERO, |due| due.since(now));
        self.pending = Some(Pending { stored, due: Instant::now() + delay });
        Ok(())
    }

    async fn turn(&mut self) -> Result<Turn> {
        match self.pending.take() {
            Some(pending) if pending.due > Instant::now() => {
                let due = pending.due;
                self.pending = Some(pending);
                return Ok(Turn::Rest(Some(due)));
            }
            Some(Pending { stored, .. }) => {
                let body = self.read(&stored).await?;
                return self.send(stored, body).await;
            }
            None => {}
        }
        if self.waiting.is_empty() {
            let found = self.feed.next(WINDOW).await?;
            if found.is_empty() {
                self.record(false).await?;
                return Ok(Turn::Rest(None));
            }
            self.waiting.extend(found.into_iter().filter(|fed| self.filter.wants(&fed.event)));
            return Ok(Turn::Again);
        }
        let batch = (self.known.definition.batch as usize).min(self.waiting.len());
        let events: Vec<_> = self.waiting.drain(..batch).collect();
        let Some(delivery) = self.new_delivery(&events) else { return Ok(Turn::Again) };
        if !self.shared.engine.store().begin_delivery(&delivery).await? {
            // Another process was faster: it is looked for anew where to go on.
            return Err(store::Error::Unavailable("another process sends to the webhook".to_owned()).into());
        }
        let now = SystemClock.now();
        let stored = StoredDelivery {
            delivery,
            state: DeliveryState::Pending.as_str().to_owned(),
            due_at: Some(now),
            tries: "[]".to_owned(),
            created_at: now,
            ended_at: None,
            asked_at: None,
            asked_by: None,
            asked_because: None,
        };
        let body = self.body(events);
        self.send(stored, body).await
    }

    fn new_delivery(&self, events: &[Fed]) -> Option<NewDelivery> {
        let (first, last) = (events.first()?, events.last()?);
        Some(NewDelivery {
            id: Uuid::now_v7(),
            webhook_id: self.known.webhook_id,
            places: (EventCursor { seq: first.cursor.seq - 1, ..first.cursor }, last.cursor),
            events: u32::try_from(events.len()).unwrap_or(u32::MAX),
            kind: first.event.domain_name().unwrap_or(&first.event.kind).to_owned(),
            tries_left: self.known.definition.tries,
        })
    }

    /// The events of a delivery, read again; none if they are gone.
    async fn read(&self, stored: &StoredDelivery) -> Result<Option<Vec<u8>>> {
        let (after, until) = stored.delivery.places;
        let mut feed = Feed::new(Arc::clone(&self.shared.engine), after);
        let mut events = Vec::new();
        while feed.cursor() < until {
            let found = feed.next(WINDOW).await?;
            if found.is_empty() {
                break;
            }
            events.extend(found.into_iter().filter(|fed| fed.cursor <= until && self.filter.wants(&fed.event)));
        }
        Ok(self.body(events))
    }

    fn body(&self, events: Vec<Fed>) -> Option<Vec<u8>> {
        let mut events: Vec<_> = events.into_iter().map(CloudEvent::new).collect();
        let written = self.written(&events)?;
        if written.len() <= MESSAGE_BYTES {
            return Some(written);
        }
        let share = MESSAGE_BYTES / events.len().max(1);
        for event in &mut events {
            if serde_json::to_vec(event).is_ok_and(|text| text.len() > share) {
                *event = event.clone().without_data();
            }
        }
        self.written(&events)
    }

    fn written(&self, events: &[CloudEvent]) -> Option<Vec<u8>> {
        match (self.is_batched(), events) {
            (_, []) => None,
            (false, [event, ..]) => serde_json::to_vec(event).ok(),
            (true, events) => serde_json::to_vec(events).ok(),
        }
    }

    fn is_batched(&self) -> bool {
        self.known.definition.batch > 1
    }

    async fn send(&mut self, stored: StoredDelivery, body: Option<Vec<u8>>) -> Result<Turn> {
        let webhook = Arc::clone(&self.webhook.borrow());
        let secrets = secrets(&webhook, SystemClock.now())?;
        let posted = match body {
            Some(body) => {
                let content_type = match self.is_batched() {
                    true => "application/cloudevents-batch+json",
                    false => "application/cloudevents+json",
                };
                let message = Message { id: stored.delivery.id.to_string(), content_type, body, secrets: &secrets };
                let definition = &self.known.definition;
                self.shared.post.send(&definition.url, Duration::from_millis(definition.timeout_ms), message).await
            }
            None => {
                let error = Some(TryError::EventsGone);
                Posted {
                    outcome: Try { at: SystemClock.now(), duration_ms: 0, status: None, error },
                    retry_after: None,
                }
            }
        };
        self.settle(stored, posted).await
    }

    /// Records what came of a try, and what follows.
    async fn settle(&mut self, mut stored: StoredDelivery, posted: Posted) -> Result<Turn> {
        let mut tries = Delivery::read(stored.clone())?.tries;
        let made = u32::try_from(tries.len()).unwrap_or(u32::MAX);
        tries.push(posted.outcome.clone());
        let has_arrived = posted.has_arrived();
        let is_last = stored.delivery.tries_left <= 1 || posted.is_gone();
        let is_over = is_last || posted.outcome.error == Some(TryError::EventsGone);
        let state = match (has_arrived, is_over) {
            (true, _) => DeliveryState::Delivered,
            (false, true) => DeliveryState::Failed,
            (false, false) => DeliveryState::Pending,
        };
        self.shared.delivering.count(state);
        let delay = delay(self.shared.first_delay, made, posted.retry_after);
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let (id, tries_left) = (stored.delivery.id, stored.delivery.tries_left);
        let tries = serde_json::to_string(&tries).unwrap_or_default();
        let store = self.shared.engine.store();
        if !store.record_delivery(id, tries_left, state.as_str(), &tries, delay_ms).await? {
            return Err(store::Error::Unavailable("another process sends to the webhook".to_owned()).into());
        }
        if state == DeliveryState::Pending {
            debug!(webhook_id = %self.known.webhook_id, delivery_id = %id, tries_left, "a message is sent again later");
            (stored.tries, stored.delivery.tries_left) = (tries, tries_left - 1);
            self.pending = Some(Pending { stored, due: Instant::now() + delay });
            return Ok(Turn::Again);
        }
        if stored.asked_at.is_none() && self.is_given_up(has_arrived, posted.is_gone()).await? {
            return Ok(Turn::GivenUp);
        }
        if made > 0 {
            // What was asked for again may have put another one off.
            self.look().await?;
        }
        self.record(false).await?;
        Ok(Turn::Again)
    }

    /// Counts a delivery that has ended. A webhook is given up where one after the other fails.
    async fn is_given_up(&mut self, has_arrived: bool, is_gone: bool) -> Result<bool> {
        if has_arrived && self.known.failures == 0 {
            return Ok(false);
        }
        self.known.failures = if has_arrived { 0 } else { self.known.failures + 1 };
        let (most, reason) = match is_gone {
            true => (1, "the receiver says that it is gone (410)".to_owned()),
            false => (FAILURES, format!("{FAILURES} deliveries failed one after the other")),
        };
        let id = self.known.webhook_id;
        let is_given_up = self.shared.engine.store().count_webhook_failure(id, !has_arrived, most, &reason).await?;
        if is_given_up {
            warn!(webhook_id = %id, reason, "a webhook is given up");
        }
        Ok(is_given_up)
    }

    /// Records how far the webhook has come, from time to time.
    async fn record(&mut self, now: bool) -> Result<()> {
        let place = match (&self.pending, self.waiting.front()) {
            (Some(_), _) => return Ok(()),
            (None, Some(next)) => EventCursor { seq: next.cursor.seq - 1, ..next.cursor },
            (None, None) => self.feed.cursor(),
        };
        if place > self.recorded.0 && (now || self.recorded.1.elapsed() >= RECORD) {
            self.shared.engine.move_webhook(self.known.webhook_id, place).await?;
            self.recorded = (place, Instant::now());
        }
        Ok(())
    }
}

/// From the first delay on twice as long each time, up to ten minutes, and somewhere between half of that and all; not before
/// the receiver wants to hear from us.
fn delay(first: Duration, made: u32, retry_after: Option<Duration>) -> Duration {
    let most = first.saturating_mul(1 << made.min(16)).min(TRY_AGAIN.1);
    most.mul_f64(0.5 + fastrand::f64() / 2.0).max(retry_after.unwrap_or_default().min(TRY_AGAIN.1))
}

pub(super) const FIRST_DELAY: Duration = TRY_AGAIN.0;

async fn rest(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_bound_and_heed_the_receiver() {
        for (made, most) in [(0, 1), (1, 2), (4, 16), (9, 512), (10, 600), (40, 600)] {
            let most = Duration::from_secs(most);
            let delay = delay(FIRST_DELAY, made, None);
            assert!(delay >= most / 2 && delay <= most, "{made}: {delay:?}");
        }
        let asked = |seconds| delay(FIRST_DELAY, 0, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(60), Duration::from_secs(60));
        assert_eq!(asked(86_400), TRY_AGAIN.1);
    }
}
