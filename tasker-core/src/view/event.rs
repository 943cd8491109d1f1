use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    dag::Definition,
    model::{Event, Fact, StepError, StepId, TaskId, Timestamp, WorkerId},
};

/// Something that happened to a task or to one of its steps. `task_uuid` and `seq` together are its stable id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct EventView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    /// Counts from 1 in each task, without gaps.
    pub seq: i64,
    #[cfg_attr(feature = "api", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// What happened: `task.created`, `step.completed`, ... A reader passes over words that it does not know.
    #[serde(rename = "type")]
    pub kind: String,
    pub namespace: String,
    /// Name of the task's template.
    pub name: String,
    pub version: String,
    /// Name of the step; none for what happened to the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_idx: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The worker that runs the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
    pub worker_id: Option<WorkerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// When what was scheduled is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub due_at: Option<Timestamp>,
    /// The operator who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why the operator did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What else the event says.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "api", schema(value_type = Object))]
    pub details: Map<String, Value>,
}

impl EventView {
    /// An event with the names that the log leaves out.
    #[must_use]
    pub fn new(event: Event, definition: &Definition) -> Self {
        match plain(&event.fact) {
            Some(plain) => Self::of_plain(&event, definition, plain),
            None => Self::of_fields(event, definition),
        }
    }

    fn of_plain(event: &Event, definition: &Definition, (kind, attempt, worker_id): Plain) -> Self {
        let step_idx = event.fact.step();
        Self {
            task_uuid: event.task_id,
            seq: event.seq,
            at: event.at,
            kind: kind.to_owned(),
            namespace: definition.namespace.to_string(),
            name: definition.name.to_string(),
            version: definition.version.to_string(),
            step: step_idx.and_then(|idx| definition.step_name(idx)),
            step_idx,
            step_uuid: step_idx.map(|idx| StepId::new(event.task_id, idx).uuid()),
            attempt,
            worker_id,
            error: None,
            due_at: None,
            by: None,
            reason: None,
            details: Map::new(),
        }
    }

    fn of_fields(event: Event, definition: &Definition) -> Self {
        let step_idx = event.fact.step();
        // The fact as it is stored: its fields have the same names here, and those that are not known go to the details.
        let (kind, mut fields) = match event.fact {
            Fact::Other(fact) => (fact.kind, Map::from_iter(fact.fields)),
            fact => {
                let mut fields = match serde_json::to_value(&fact) {
                    Ok(Value::Object(fields)) => fields,
                    _ => Map::new(),
                };
                fields.remove("step");
                (taken(&mut fields, "type").unwrap_or_default(), fields)
            }
        };
        Self {
            task_uuid: event.task_id,
            seq: event.seq,
            at: event.at,
            kind,
            namespace: definition.namespace.to_string(),
            name: definition.name.to_string(),
            version: definition.version.to_string(),
            step: step_idx.and_then(|idx| definition.step_name(idx)),
            step_idx,
            step_uuid: step_idx.map(|idx| StepId::new(event.task_id, idx).uuid()),
            attempt: taken(&mut fields, "attempt"),
            worker_id: taken(&mut fields, "worker"),
            error: taken(&mut fields, "error"),
            due_at: taken(&mut fields, "due_at"),
            by: taken(&mut fields, "by"),
            reason: taken(&mut fields, "reason"),
            details: fields,
        }
    }

    /// The name of a domain event; none for what the engine tells.
    #[must_use]
    pub fn domain_name(&self) -> Option<&str> {
        if self.kind == "event.published" { self.details.get("name")?.as_str() } else { None }
    }

    /// Whether nothing more happens to the task by itself.
    #[must_use]
    pub fn ends_task(&self) -> bool {
        matches!(self.kind.as_str(), "task.completed" | "task.failed" | "task.cancelled" | "task.resolved_manually")
    }
}

/// A fact that says nothing but this: its kind, the attempt, and the worker.
type Plain = (&'static str, Option<u32>, Option<WorkerId>);

/// Most events are such, and need not be taken apart field by field.
fn plain(fact: &Fact) -> Option<Plain> {
    Some(match fact {
        Fact::TaskCreated => ("task.created", None, None),
        Fact::TaskStarted => ("task.started", None, None),
        Fact::TaskCompleted => ("task.completed", None, None),
        Fact::StepEnqueued { .. } => ("step.enqueued", None, None),
        Fact::StepStarted { attempt, worker, .. } => ("step.started", Some(*attempt), Some(*worker)),
        Fact::StepCompleted { attempt, metadata: None, .. } => ("step.completed", Some(*attempt), None),
        Fact::StepCancelled { .. } => ("step.cancelled", None, None),
        _ => return None,
    })
}

fn taken<T: serde::de::DeserializeOwned>(fields: &mut Map<String, Value>, name: &str) -> Option<T> {
    // What a newer version says otherwise stays among the details.
    let value = T::deserialize(fields.get(name)?).ok()?;
    fields.remove(name);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::TemplateId,
        template::{self, Template},
    };

    #[test]
    fn plain_facts_look_as_if_they_had_been_taken_apart() {
        let yaml = "name: a\nnamespace: b\nversion: 1.0.0\nsteps:\n  - {name: c, handler: {callable: c}}\n";
        let template: Template = template::parse(yaml, "a.yaml").unwrap();
        let definition = Definition::new(TemplateId::new(), &template, None).unwrap();
        let (step, attempt, worker) = (0, 2, WorkerId::new());
        let facts = [
            Fact::TaskCreated,
            Fact::TaskStarted,
            Fact::TaskCompleted,
            Fact::StepEnqueued { step },
            Fact::StepStarted { step, attempt, worker },
            Fact::StepCompleted { step, attempt, metadata: None },
            Fact::StepCancelled { step },
        ];
        for fact in facts {
            let event = Event { task_id: TaskId::new(), seq: 3, at: Timestamp::from_micros(5), fact };
            let plain = plain(&event.fact).unwrap();
            assert_eq!(EventView::of_plain(&event, &definition, plain), EventView::of_fields(event, &definition));
        }
        let said = Fact::StepCompleted { step, attempt, metadata: Some(Box::new(Value::Bool(true))) };
        assert!(plain(&said).is_none(), "what a handler says is shown too");
    }
}
