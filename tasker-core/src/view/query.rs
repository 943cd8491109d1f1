use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{TaskState, Timestamp, limits},
    orchestration::{Error, Result},
    store::{TaskCursor, TaskFilter, TimeRange},
};

/// Which tasks to list, and how many: the query of `GET /v1/tasks`. What is not given does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema, utoipa::IntoParams))]
#[cfg_attr(feature = "api", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct TaskQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// States, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// One of the task's tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Submitted at this time or later (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_from: Option<String>,
    /// Submitted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_before: Option<String>,
    /// Ended at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_before: Option<String>,
    /// Go on behind this task: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Tasks on the page, 1 to 1,000; 50 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Tasks on a page that says nothing of its size.
const LIMIT: u32 = 50;

impl TaskQuery {
    /// The filter that the texts mean.
    ///
    /// # Errors
    /// [`Error::FieldInvalid`], which names the field and what it takes.
    pub fn filter(&self) -> Result<TaskFilter> {
        let texts = [
            ("namespace", &self.namespace),
            ("name", &self.name),
            ("version", &self.version),
            ("tag", &self.tag),
            ("correlation_id", &self.correlation_id),
            ("parent_correlation_id", &self.parent_correlation_id),
            ("initiator", &self.initiator),
            ("source_system", &self.source_system),
        ];
        if let Some((field, _)) =
            texts.into_iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.contains('\0')))
        {
            let reason = "contains a NUL character, which no database text can hold: leave it out".to_owned();
            return Err(Error::FieldInvalid { field, reason });
        }
        Ok(TaskFilter {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            states: self.states()?,
            tag: self.tag.clone(),
            correlation_id: self.correlation_id.clone(),
            parent_correlation_id: self.parent_correlation_id.clone(),
            initiator: self.initiator.clone(),
            source_system: self.source_system.clone(),
            priority: self.priority,
            created: range(("created_from", &self.created_from), ("created_before", &self.created_before))?,
            updated: range(("updated_from", &self.updated_from), ("updated_before", &self.updated_before))?,
            completed: range(("completed_from", &self.completed_from), ("completed_before", &self.completed_before))?,
            after: self.after.as_deref().map(cursor).transpose()?,
            window: None,
        })
    }

    /// # Errors
    /// [`Error::FieldInvalid`] for a page of nothing, or of more than [`limits::PAGE`].
    pub fn limit(&self) -> Result<u32> {
        match self.limit.unwrap_or(LIMIT) {
            limit if (1..=limits::PAGE).contains(&limit) => Ok(limit),
            limit => {
                let reason = format!("a page of {limit} tasks; write a number from 1 to {}", limits::PAGE);
                Err(Error::FieldInvalid { field: "limit", reason })
            }
        }
    }

    fn states(&self) -> Result<Vec<TaskState>> {
        let words = self.status.as_deref().unwrap_or_default().split(',').filter(|word| !word.is_empty());
        words.map(|word| TaskState::from_str(word.trim()).map_err(|reason| unknown_state(&reason))).collect()
    }
}

fn unknown_state(reason: &str) -> Error {
    let names: Vec<_> = TaskState::ALL.iter().map(|state| state.as_str()).collect();
    Error::FieldInvalid { field: "status", reason: format!("{reason}: write one of {}", names.join(", ")) }
}

type Field<'a> = (&'static str, &'a Option<String>);

fn range(from: Field<'_>, before: Field<'_>) -> Result<TimeRange> {
    Ok(TimeRange { from: time(from)?, before: time(before)? })
}

fn time((field, text): Field<'_>) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let reason = || format!("`{text}` is no time: write it like 2026-01-31T12:00:00Z");
    Timestamp::try_from(text.as_str()).map(Some).map_err(|_| Error::FieldInvalid { field, reason: reason() })
}

fn cursor(text: &str) -> Result<TaskCursor> {
    text.parse().map_err(|reason| Error::FieldInvalid { field: "after", reason })
}
