//! The log of all tasks, page by page, for those who react to it.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use super::{EventView, Fed, Feed};
use crate::{
    model::limits,
    orchestration::{Engine, Error, EventCursor, Result},
};

/// What to read of the log of all tasks, and from where on: the body of `POST /v1/events/next`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Behind the event with this cursor, or `start` for the beginning of the log; the end of the log if not given. Of a
    /// subscription, where it begins when its name is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Goes on where the subscription of this name is done: 1 to 64 of `A-Za-z0-9_.-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// The subscription is done with all events up to the one with this cursor, and never gets them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// Only events of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Only events of tasks of the template of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only events of these types: `task.completed`, `step.*`, or the name of a domain event, such as `order.paid`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Commits read at once, 0 to 1,000; 100 if not given. With 0 nothing is read: what is done is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// How long to wait where there is nothing yet, at most 60,000; 0 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// An event with its cursor, which is the place behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct NextEvent {
    pub cursor: String,
    pub event: EventView,
}

/// What came next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct EventPage {
    /// Empty where nothing happened in the time that was given.
    pub items: Vec<NextEvent>,
    /// The place behind what was read, also behind what the filters left out: the next `after` or `done`.
    pub cursor: String,
}

/// Between two looks for events that nobody told of: at first, and in the end.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));
/// The longest that one call waits.
const WAIT_MS: u64 = 60_000;
/// Commits read at once, if nothing is said.
const PAGE: u32 = 100;
const SUBSCRIPTION_BYTES: usize = 64;

impl EventQuery {
    /// Checks what can be checked without the store.
    ///
    /// # Errors
    /// [`Error::FieldInvalid`].
    pub fn check(&self) -> Result<()> {
        let invalid = |field, reason: &str| Err(Error::FieldInvalid { field, reason: reason.to_owned() });
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        match &self.subscription {
            Some(name) if name.is_empty() || name.len() > SUBSCRIPTION_BYTES || !name.bytes().all(is_word) => {
                return invalid("subscription", "a name has 1 to 64 of A-Z, a-z, 0-9, `_`, `.` and `-`");
            }
            None if self.done.is_some() => {
                return invalid("done", "only a subscription is done with events; without one, pass `after`");
            }
            _ => {}
        }
        if self.limit.is_some_and(|limit| limit > limits::PAGE) {
            return invalid("limit", "write a number from 0 to 1000");
        }
        if self.wait_ms.is_some_and(|wait| wait > WAIT_MS) {
            return invalid("wait_ms", "write a number from 0 to 60000");
        }
        Ok(())
    }

    /// Whether an event passes the filters.
    pub(crate) fn wants(&self, event: &EventView) -> bool {
        let is_of = |wanted: &String| match wanted.strip_suffix(".*") {
            Some(start) => event.kind.strip_prefix(start).is_some_and(|rest| rest.starts_with('.')),
            None => *wanted == event.kind || event.domain_name() == Some(wanted),
        };
        self.namespace.as_deref().is_none_or(|namespace| namespace == event.namespace)
            && self.name.as_deref().is_none_or(|name| name == event.name)
            && (self.types.is_empty() || self.types.iter().any(is_of))
    }

    async fn begin(&self, engine: &Engine) -> Result<EventCursor> {
        let after = self.after.as_deref().map(|text| cursor("after", text)).transpose()?;
        let Some(name) = &self.subscription else {
            return match after {
                Some(after) => Ok(after),
                None => engine.end_of_events().await,
            };
        };
        let place = engine.subscription(name, after).await?;
        match self.done.as_deref().map(|text| cursor("done", text)).transpose()? {
            Some(done) if done > place => {
                engine.move_subscription(name, done).await?;
                Ok(done)
            }
            _ => Ok(place),
        }
    }
}

impl EventPage {
    /// Reads what comes next, and waits for it as long as the query says. Dropped before its end, it has at most recorded what
    /// is done.
    ///
    /// # Errors
    /// As [`EventQuery::check`] and [`Engine::events_after`].
    pub async fn load(engine: &Arc<Engine>, query: &EventQuery) -> Result<Self> {
        query.check()?;
        let until = Instant::now() + Duration::from_millis(query.wait_ms.unwrap_or(0));
        let mut watch = engine.watch_events();
        let mut feed = Feed::new(Arc::clone(engine), query.begin(engine).await?);
        let limit = query.limit.unwrap_or(PAGE);
        let mut pause = LOOK_AGAIN.0;
        if limit == 0 {
            return Ok(Self { items: Vec::new(), cursor: feed.cursor().to_string() });
        }
        loop {
            watch.seen();
            let found = feed.next(limit).await?;
            let is_end = found.is_empty();
            let wanted = found.into_iter().filter(|fed| query.wants(&fed.event));
            let items: Vec<_> =
                wanted.map(|Fed { cursor, event }| NextEvent { cursor: cursor.to_string(), event }).collect();
            if !items.is_empty() {
                return Ok(Self { items, cursor: feed.cursor().to_string() });
            }
            if Instant::now() >= until {
                return Ok(Self { items: Vec::new(), cursor: feed.cursor().to_string() });
            }
            if is_end {
                tokio::select! {
                    () = sleep(pause) => pause = (pause * 2).min(LOOK_AGAIN.1),
                    () = watch.changed() => pause = LOOK_AGAIN.0,
                    () = sleep_until(until) => {}
                }
            }
        }
    }
}

fn cursor(field: &'static str, text: &str) -> Result<EventCursor> {
    if text == "start" {
        return Ok(EventCursor::START);
    }
    text.parse().map_err(|reason| Error::FieldInvalid { field, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, details: serde_json::Value) -> EventView {
        let event = serde_json::json!({
            "task_uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "seq": 1, "at": "2026-01-02T03:04:05Z", "type": kind,
            "namespace": "shop", "name": "order", "version": "1.0.0", "details": details,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn types_are_words_beginnings_or_names_of_domain_events() {
        let wants = |types: &[&str], event: &EventView| {
            let types = types.iter().map(ToString::to_string).collect();
            EventQuery { types, ..EventQuery::default() }.wants(event)
        };
        let failed = event("step.failed", serde_json::json!({}));
        let paid = event("event.published", serde_json::json!({"name": "order.paid"}));
        assert!(wants(&[], &failed) && wants(&["step.failed"], &failed) && wants(&["task.*", "step.*"], &failed));
        assert!(!wants(&["step"], &failed) && !wants(&["ste.*"], &failed) && !wants(&["order.paid"], &failed));
        assert!(wants(&["order.paid"], &paid) && wants(&["event.published"], &paid) && !wants(&["order.sent"], &paid));
    }

    #[test]
    fn a_query_that_cannot_be_meant_is_refused() {
        let refused = [
            EventQuery { subscription: Some("a b".to_owned()), ..EventQuery::default() },
            EventQuery { subscription: Some(String::new()), ..EventQuery::default() },
            EventQuery { done: Some("start".to_owned()), ..EventQuery::default() },
            EventQuery { limit: Some(1_001), ..EventQuery::default() },
            EventQuery { wait_ms: Some(60_001), ..EventQuery::default() },
        ];
        assert!(refused.iter().all(|query| query.check().is_err()));
    }
}
