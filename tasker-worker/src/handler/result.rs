use serde::Serialize;
use serde_json::Value;
use tasker_core::model::{Json, StepError};

/// What a step hands to the steps after it: one JSON value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StepResult(Json);

impl StepResult {
    /// The result that holds `value` as JSON.
    ///
    /// # Errors
    /// A permanent `result_not_json` when the value cannot be written as JSON.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, StepError> {
        Json::of(value).map(Self).map_err(|error| {
            StepError::permanent("result_not_json", format!("the result cannot be written as JSON: {error}"))
        })
    }

    #[must_use]
    pub fn json(&self) -> &Json {
        &self.0
    }

    #[must_use]
    pub fn into_json(self) -> Json {
        self.0
    }
}

impl From<Value> for StepResult {
    fn from(value: Value) -> Self {
        Self(Json::from(&value))
    }
}

impl From<Json> for StepResult {
    fn from(json: Json) -> Self {
        Self(json)
    }
}

/// A step that has nothing to hand on: `null`.
impl From<()> for StepResult {
    fn from((): ()) -> Self {
        Self(Json::null())
    }
}
