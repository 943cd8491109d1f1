use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::Json,
    state::{Verb, Which},
};

/// A verb for many tasks at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
