use serde::{Deserialize, Serialize};

/// Where a step stands in a flow; plain steps have none of this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepFlow {
    /// Of a deferred convergence: one of the branches before it has run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_reached: bool,
}

/// Why a step was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A decision left it out.
    Decision,
    /// Its `when` is false.
    Condition,
    /// What it depends on was skipped.
    Dependencies,
    /// It failed for good, and its `on_exhaustion` says so.
    Failure,
}
