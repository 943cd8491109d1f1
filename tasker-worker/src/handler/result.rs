use serde::Serialize;
use serde_json::Value;
use tasker_core::model::{Json, Next, StepError};

/// What a step hands to the steps after it: one JSON value; and what it says about them, if it is a decision or splits
/// its work.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    pub(super) json: Json,
    pub(super) next: Option<Next>,
    pub(super) metadata: Option<Value>,
}

impl StepResult {
    /// The result that holds `value` as JSON.
    ///
    /// # Errors
    /// A permanent `result_not_json` when the value cannot be written as JSON.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, StepError> {
        Json::of(value).map(Self::from).map_err(|error| {
            StepError::permanent("result_not_json", format!("the result cannot be written as JSON: {error}"))
        })
    }

    #[must_use]
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// The same result, with what the step says about the steps after it.
    #[must_use]
    pub fn with_next(mut self, next: Next) -> Self {
        self.next = Some(next);
        self
    }

    /// The same result, with what is to be kept in the task's history besides it; no step sees that. Over 64 KiB it is left
    /// out.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(metadata);
        self
    }

    #[must_use]
    pub fn into_json(self) -> Json {
        self.json
    }
}

impl From<Value> for StepResult {
    fn from(value: Value) -> Self {
        Json::from(&value).into()
    }
}

impl From<Json> for StepResult {
    fn from(json: Json) -> Self {
        Self { json, next: None, metadata: None }
    }
}

/// A step that has nothing to hand on: `null`.
impl From<()> for StepResult {
    fn from((): ()) -> Self {
        Json::null().into()
    }
}
