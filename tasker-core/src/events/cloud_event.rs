use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{
    model::{Json, TaskId, Timestamp},
    orchestration::EventCursor,
    view::{EventView, Fed},
};

/// An event as a document of CloudEvents 1.0, in its JSON format. What is not an attribute of the standard is an extension of
/// it, so that names are lower case and run together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent {
    pub specversion: SpecVersion,
    /// The task's id and the number of the event in it: stable, whatever carries the event and however often.
    pub id: String,
    /// `/tasker/{namespace}/{template}`
    pub source: String,
    /// `tasker.step.completed`, ...; for a domain event, the name that its template declares.
    #[serde(rename = "type")]
    pub kind: String,
    /// The task's id, and behind a slash the name of the step if it is about one.
    pub subject: String,
    pub time: Timestamp,
    pub datacontenttype: ContentType,
    /// The task's id: what is of one task comes in order.
    pub partitionkey: TaskId,
    /// The number of the event in its task, from 1 without gaps, in digits that sort.
    pub sequence: String,
    /// The place in the log behind this event: a reader of the log goes on from here.
    pub cursor: String,
    pub category: Category,
    pub namespace: String,
    pub template: String,
    pub templateversion: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stepidx: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Where the data can be read if the event is too large for what carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataref: Option<String>,
    /// The event as the API shows it; of a domain event, its payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "nearly every event that is sent is the large one")]
pub enum Data {
    /// What happened in Tasker, where the event is made.
    Event(EventView),
    /// A payload; where the event was read, whatever it says.
    Json(Json),
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self::Json)
    }
}

/// The type of all data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContentType {
    #[serde(rename = "application/json")]
    Json,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Task,
    Step,
    /// The user's own domain: what handlers publish.
    Domain,
}

impl Category {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Step => "step",
            Self::Domain => "domain",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version of the standard; documents of another one are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpecVersion {
    #[serde(rename = "1.0")]
    V1,
}

/// The type of domain events in the log.
const PUBLISHED: &str = "event.published";
/// What the types of all other events begin with.
const ENGINE: &str = "tasker.";

impl CloudEvent {
    #[must_use]
    pub fn new(fed: Fed) -> Self {
        let Fed { cursor, mut event } = fed;
        let is_domain = event.kind == PUBLISHED;
        let category = match (is_domain, &event.step) {
            (true, _) => Category::Domain,
            (false, Some(_)) if !event.kind.starts_with("task.") => Category::Step,
            (false, _) => Category::Task,
        };
        let name = if is_domain { event.details.remove("name") } else { None };
        let kind = match name {
            Some(Value::String(name)) => name,
            _ => format!("{ENGINE}{}", event.kind),
        };
        let subject = match &event.step {
            Some(step) => format!("{}/{step}", event.task_uuid),
            None => event.task_uuid.to_string(),
        };
        Self {
            specversion: SpecVersion::V1,
            id: Self::id_of(&event),
            source: format!("/tasker/{}/{}", event.namespace, event.name),
            kind,
            subject,
            time: event.at,
            datacontenttype: ContentType::Json,
            partitionkey: event.task_uuid,
            sequence: format!("{:019}", event.seq),
            cursor: cursor.to_string(),
            category,
            namespace: event.namespace.clone(),
            template: event.name.clone(),
            templateversion: event.version.clone(),
            step: event.step.clone(),
            stepidx: event.step_idx,
            attempt: event.attempt,
            dataref: None,
            data: if is_domain {
                event.details.remove("payload").as_ref().map(Json::from).map(Data::Json)
            } else {
                Some(Data::Event(event))
            },
        }
    }

    /// The event that a message holds; none if that is something else.
    #[must_use]
    pub fn read(message: &[u8]) -> Option<Self> {
        // What is kept as it is can only be borrowed from a text.
        serde_json::from_str(str::from_utf8(message).ok()?).ok()
    }

    /// The stable id of an event.
    #[must_use]
    pub fn id_of(event: &EventView) -> String {
        format!("{}.{}", event.task_uuid, event.seq)
    }

    /// What happened, as the subject names it: `completed`, `retry_scheduled`, `order.paid`.
    #[must_use]
    pub fn what(&self) -> &str {
        let category = self.category.as_str();
        let of_engine = self.kind.strip_prefix(ENGINE).filter(|_| self.category != Category::Domain);
        let Some(kind) = of_engine else { return &self.kind };
        kind.strip_prefix(category).and_then(|rest| rest.strip_prefix('.')).unwrap_or(kind)
    }

    /// The same without its data, for what cannot carry all of it.
    #[must_use]
    pub fn without_data(self) -> Self {
        let after = self.seq().unwrap_or(1) - 1;
        let dataref = format!("/v1/tasks/{}/events?after={after}", self.partitionkey);
        Self { dataref: Some(dataref), data: None, ..self }
    }

    /// The number of the event in its task.
    #[must_use]
    pub fn seq(&self) -> Option<i64> {
        self.sequence.parse().ok()
    }

    /// The event as the API shows it, and its place; none if this is not of Tasker, or its data was too large.
    #[must_use]
    pub fn into_fed(self) -> Option<Fed> {
        let (cursor, seq): (EventCursor, _) = (self.cursor.parse().ok()?, self.seq()?);
        let payload = match self.data {
            Some(Data::Event(event)) => return Some(Fed { cursor, event }),
            Some(Data::Json(json)) if self.category != Category::Domain => {
                return Some(Fed { cursor, event: json.to().ok()? });
            }
            Some(Data::Json(json)) => json.to_value(),
            None if self.category == Category::Domain && self.dataref.is_none() => Value::Null,
            None => return None,
        };
        let details =
            Map::from_iter([("name".to_owned(), Value::String(self.kind.clone())), ("payload".to_owned(), payload)]);
        let event = EventView {
            task_uuid: self.partitionkey,
            seq,
            at: self.time,
            kind: PUBLISHED.to_owned(),
            namespace: self.namespace,
            name: self.template,
            version: self.templateversion,
            step_uuid: self.stepidx.map(|idx| crate::model::StepId::new(self.partitionkey, idx).uuid()),
            step: self.step,
            step_idx: self.stepidx,
            attempt: self.attempt,
            worker_id: None,
            error: None,
            due_at: None,
            by: None,
            reason: None,
            details,
        };
        Some(Fed { cursor, event })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::subject;

    fn fed(event: Value) -> Fed {
        let task = "01890a5d-ac96-774b-bcce-b302099a8057";
        let mut whole = json!({
            "task_uuid": task, "seq": 12, "at": "2026-01-02T03:04:05.678901Z", "namespace": "shop", "name": "line.items",
            "version": "1.0.0",
        });
        whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        let event: EventView = serde_json::from_value(whole).unwrap();
        Fed { cursor: EventCursor { position: 77, task_id: event.task_uuid, seq: event.seq }, event }
    }

    #[test]
    fn a_domain_event_is_its_payload_under_its_name() {
        let step = json!({"type": "event.published", "step": "pay", "step_idx": 0, "attempt": 2,
            "step_uuid": crate::model::StepId::new("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(), 0).uuid(),
            "details": {"name": "order.paid", "payload": {"amount": 3}}});
        let event = CloudEvent::new(fed(step.clone()));
        let written = serde_json::to_value(&event).unwrap();
        assert_eq!(
            written,
            json!({
                "specversion": "1.0", "id": "01890a5d-ac96-774b-bcce-b302099a8057.12", "source": "/tasker/shop/line.items",
                "type": "order.paid", "subject": "01890a5d-ac96-774b-bcce-b302099a8057/pay",
                "time": "2026-01-02T03:04:05.678901Z", "datacontenttype": "application/json",
                "partitionkey": "01890a5d-ac96-774b-bcce-b302099a8057", "sequence": "0000000000000000012",
                "cursor": "77.01890a5dac96774bbcceb302099a8057.12", "category": "domain", "namespace": "shop",
                "template": "line.items", "templateversion": "1.0.0", "step": "pay", "stepidx": 0, "attempt": 2,
                "data": {"amount": 3},
            })
        );
        assert_eq!(subject(&event), "tasker.events.shop.line%2Eitems.domain.order.paid");
        assert_eq!(event.into_fed(), Some(fed(step)));
    }

    #[test]
    fn events_of_the_engine_come_back_as_they_were() {
        let events = [
            (json!({"type": "task.completed"}), "task.completed", "tasker.task.completed"),
            (json!({"type": "task.blocked", "step": "pay", "step_idx": 0}), "task.blocked", "tasker.task.blocked"),
            (
                json!({"type": "step.failed", "step": "pay", "step_idx": 0, "attempt": 1,
                    "error": {"kind": "permanent", "code": "declined", "message": "no"}}),
                "step.failed",
                "tasker.step.failed",
            ),
            (
                json!({"type": "signal.received", "step": "wait", "step_idx": 1, "details": {"signal": "go", "payload": 1}}),
                "step.signal.received",
                "tasker.signal.received",
            ),
        ];
        for (written, end, kind) in events {
            let event = CloudEvent::new(fed(written.clone()));
            assert_eq!((subject(&event), &*event.kind), (format!("tasker.events.shop.line%2Eitems.{end}"), kind));
            let text = serde_json::to_string(&event).unwrap();
            let read: CloudEvent = serde_json::from_str(&text).unwrap();
            assert_eq!(read.into_fed(), Some(fed(written)));
        }
    }

    #[test]
    fn what_is_too_large_says_where_it_can_be_read() {
        let event = json!({"type": "event.published", "step": "pay", "details": {"name": "a", "payload": null}});
        let event = CloudEvent::new(fed(event)).without_data();
        let place = "/v1/tasks/01890a5d-ac96-774b-bcce-b302099a8057/events?after=11";
        assert_eq!((event.dataref.as_deref(), &event.data), (Some(place), &None));
        assert_eq!(event.into_fed(), None, "what is left is not the event");
    }
}
