use std::collections::VecDeque;

use tasker_core::view::{EventQuery, EventView, NextEvent};

use super::{Client, Result};

/// How long one call waits for events.
const WAIT_MS: u64 = 20_000;

/// What happens to all tasks, as it happens. With a name ([`EventQuery::subscription`]) it goes on, after whatever breaks off,
/// behind the last event that it was done with: each event comes at least once, those of a task in their order.
pub struct Subscription {
    client: Client,
    query: EventQuery,
    waiting: VecDeque<NextEvent>,
    /// The place behind all that was read.
    read: Option<String>,
    /// The event that was handed out last.
    last: Option<String>,
}

impl Subscription {
    pub(super) fn new(client: Client, query: EventQuery) -> Self {
        let query = EventQuery { wait_ms: Some(query.wait_ms.unwrap_or(WAIT_MS)), ..query };
        Self { client, query, waiting: VecDeque::new(), read: None, last: None }
    }

    /// The next event; waits for it as long as it takes. To ask for it says that the one before is done, which is recorded
    /// from time to time, and at once by [`Subscription::done`]. Cancel-safe: a call that is dropped loses no event.
    ///
    /// # Errors
    /// `database_unavailable`, `server_unreachable`: the next call goes on where this one stopped. `field_invalid`.
    pub async fn next(&mut self) -> Result<EventView> {
        loop {
            if let Some(NextEvent { cursor, event }) = self.waiting.pop_front() {
                self.last = Some(cursor);
                return Ok(event);
            }
            let query = match (self.read.clone(), self.query.subscription.is_some()) {
                (None, _) => self.query.clone(),
                (read, true) => EventQuery { done: read, ..self.query.clone() },
                (read, false) => EventQuery { after: read, ..self.query.clone() },
            };
            let page = self.client.next_events(&query).await?;
            self.waiting.extend(page.items);
            self.read = Some(page.cursor);
        }
    }

    /// Records that the event that was handed out last is done, and all before it: it does not come again, whoever goes on.
    ///
    /// # Errors
    /// As [`Subscription::next`]; the event may come again.
    pub async fn done(&mut self) -> Result<()> {
        if self.query.subscription.is_some() && self.last.is_some() {
            let query = EventQuery { done: self.last.clone(), limit: Some(0), wait_ms: None, ..self.query.clone() };
            self.client.next_events(&query).await?;
        }
        Ok(())
    }

    /// Hands each event to `handle`, and is done with it when that has succeeded.
    ///
    /// # Errors
    /// The first error, of the subscription or of `handle`: the event comes again to whoever goes on.
    pub async fn run<E: From<super::Error>>(
        &mut self,
        handle: impl AsyncFn(EventView) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            handle(self.next().await?).await?;
            self.done().await?;
        }
    }
}
