use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{
    model::Json,
    state::{Verb, Which},
};

/// A verb for many tasks at once.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    Cancel,
    Pause,
    Resume,
    /// Closes the tasks by hand.
    Resolve,
    /// Lets the step of this name run again, or every failed step.
    Retry {
        #[serde(default)]
        step: Option<String>,
    },
    /// Closes the step of this name by hand, or every failed step.
    ResolveStep {
        #[serde(default)]
        step: Option<String>,
        #[serde(default)]
        result: Option<Json>,
    },
    /// Gives the result of a step in its handler's place.
    CompleteStep {
        step: String,
        result: Json,
    },
    Prioritize {
        priority: i16,
    },
    /// Runs ended tasks again, each as a new task with the same input.
    Rerun,
}

/// The fields of every action. An enum with a tag would be kept in a buffer first, in which a result loses its text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(rename = "type")]
    kind: Kind,
    step: Option<String>,
    result: Option<Json>,
    priority: Option<i16>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Cancel,
    Pause,
    Resume,
    Resolve,
    Retry,
    ResolveStep,
    CompleteStep,
    Prioritize,
    Rerun,
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { kind, step, result, priority } = Fields::deserialize(deserializer)?;
        let missing = |field| D::Error::missing_field(field);
        let takes = match kind {
            Kind::Retry => (true, false, false),
            Kind::ResolveStep | Kind::CompleteStep => (true, true, false),
            Kind::Prioritize => (false, false, true),
            _ => (false, false, false),
        };
        let given = [
            (step.is_some(), takes.0, "step"),
            (result.is_some(), takes.1, "result"),
            (priority.is_some(), takes.2, "priority"),
        ];
        if let Some((_, _, field)) = given.into_iter().find(|(is_given, is_taken, _)| *is_given && !is_taken) {
            return Err(D::Error::custom(format!("this action takes no `{field}`")));
        }
        Ok(match kind {
            Kind::Cancel => Self::Cancel,
            Kind::Pause => Self::Pause,
            Kind::Resume => Self::Resume,
            Kind::Resolve => Self::Resolve,
            Kind::Retry => Self::Retry { step },
            Kind::ResolveStep => Self::ResolveStep { step, result },
            Kind::CompleteStep => Self::CompleteStep {
                step: step.ok_or_else(|| missing("step"))?,
                result: result.ok_or_else(|| missing("result"))?,
            },
            Kind::Prioritize => Self::Prioritize { priority: priority.ok_or_else(|| missing("priority"))? },
            Kind::Rerun => Self::Rerun,
        })
    }
}

impl Action {
    /// What the action does to stored tasks; none for `rerun`, which makes new ones.
    pub(super) fn verb(&self) -> Option<Verb> {
        let which = |step: &Option<String>| step.as_deref().map_or(Which::Failed, |name| Which::Name(name.into()));
        Some(match self {
            Self::Cancel => Verb::Cancel,
            Self::Pause => Verb::Pause,
            Self::Resume => Verb::Resume,
            Self::Resolve => Verb::Resolve,
            Self::Retry { step } => Verb::Retry(which(step)),
            Self::ResolveStep { step, result } => Verb::ResolveSteps { which: which(step), result: result.clone() },
            Self::CompleteStep { step, result } => {
                Verb::CompleteStep { which: Which::Name(step.as_str().into()), result: result.clone() }
            }
            Self::Prioritize { priority } => Verb::Prioritize(*priority),
            Self::Rerun => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_as_it_was_written_and_its_result_keeps_its_text() {
        let result = Json::parse(r#"{"b": 1.50, "a": 12345678901234567890123}"#.to_owned()).expect("JSON");
        let actions = [
            Action::Cancel,
            Action::Retry { step: None },
            Action::ResolveStep { step: Some("a".to_owned()), result: Some(result.clone()) },
            Action::CompleteStep { step: "a".to_owned(), result: result.clone() },
            Action::Prioritize { priority: -3 },
            Action::Rerun,
        ];
        for action in actions {
            let text = serde_json::to_string(&action).expect("JSON");
            assert_eq!(serde_json::from_str::<Action>(&text).expect("an action"), action);
            assert!(!text.contains("result\":{") || text.contains(result.as_str()), "{text}");
        }
    }

    #[test]
    fn what_an_action_does_not_take_is_refused() {
        for text in [
            r#"{"type": "cancel", "step": "a"}"#,
            r#"{"type": "retry", "result": 1}"#,
            r#"{"type": "prioritize"}"#,
            r#"{"type": "complete_step", "step": "a"}"#,
            r#"{"type": "explode"}"#,
            r#"{"type": "cancel", "force": true}"#,
        ] {
            assert!(serde_json::from_str::<Action>(text).is_err(), "{text}");
        }
    }
}
