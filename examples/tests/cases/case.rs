//! Cases, and what a run differs in from what its case expects. The README of the examples describes the format.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::Value;
use tasker_core::{
    model::{Json, StepError, StepState, TaskState},
    view::{StepView, TaskView},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) input: Value,
    #[serde(default = "test_environment")]
    pub(crate) environment: String,
    /// Sent one after the other, as soon as the task is submitted.
    #[serde(default)]
    pub(crate) signals: Vec<Sent>,
    pub(crate) when_blocked: Option<Resolve>,
    pub(crate) expect: Expected,
}

/// A step that an operator closes by hand, once the task waits for that.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolve {
    pub(crate) resolve: String,
    pub(crate) result: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    pub(crate) signal: String,
    #[serde(default)]
    pub(crate) payload: Value,
    pub(crate) by: Option<String>,
    /// The code that it is refused with.
    pub(crate) refused: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) refused: Option<String>,
    state: Option<TaskState>,
    error_code: Option<String>,
    #[serde(default)]
    in_order: Vec<String>,
    #[serde(default)]
    steps: BTreeMap<String, ExpectedStep>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedStep {
    state: StepState,
    attempts: Option<u32>,
    error_code: Option<String>,
    result: Option<Value>,
}

fn test_environment() -> String {
    "test".to_owned()
}

impl Case {
    /// The cases of a `cases.yaml`.
    pub(crate) fn all_of(yaml: &str) -> Vec<Self> {
        let mut document: serde_yaml::Value = serde_yaml::from_str(yaml).unwrap();
        document.apply_merge().unwrap();
        serde_yaml::from_value(document).unwrap()
    }

    /// The input, with `${tmp}` in its texts replaced.
    pub(crate) fn input_in(&self, directory: &Path) -> Json {
        let mut input = self.input.clone();
        put_directory(&mut input, &directory.display().to_string());
        Json::from(&input)
    }
}

impl Expected {
    /// Where a run ended otherwise than expected; empty if it ended as it should.
    pub(crate) fn differences(&self, task: &TaskView) -> Vec<String> {
        let mut found = Vec::new();
        compare(&mut found, "state", &self.state, &Some(task.status));
        compare(&mut found, "error_code", &self.error_code, &code_of(task.error.as_ref()));
        for (name, expected) in &self.steps {
            let Some(step) = task.steps.iter().flatten().find(|step| step.name == *name) else {
                found.push(format!("{name}: the template has no such step"));
                continue;
            };
            expected.differences(&mut found, step);
        }
        let named = |name: &String| task.steps.iter().flatten().find(|step| step.name == *name);
        for (earlier, later) in self.in_order.iter().zip(self.in_order.iter().skip(1)) {
            let (ended, began) =
                (named(earlier).and_then(|it| it.completed_at), named(later).and_then(|it| it.started_at));
            if ended.zip(began).is_none_or(|(ended, began)| ended > began) {
                found.push(format!("{later} began at {began:?}, not after {earlier} had ended at {ended:?}"));
            }
        }
        found
    }
}

impl ExpectedStep {
    fn differences(&self, found: &mut Vec<String>, step: &StepView) {
        let name = &step.name;
        compare(found, &format!("{name}.state"), &self.state, &step.current_state);
        if let Some(attempts) = self.attempts {
            compare(found, &format!("{name}.attempts"), &attempts, &step.attempts);
        }
        // The last failure stays with a step that succeeded later.
        let failed = (step.current_state == StepState::Error).then_some(step.error.as_ref()).flatten();
        compare(found, &format!("{name}.error_code"), &self.error_code, &code_of(failed));
        if let Some(expected) = &self.result {
            let result = step.results.as_ref().map_or(Value::Null, Json::to_value);
            compare_within(found, &format!("{name}.result"), expected, &result);
        }
    }
}

/// Every key that is expected must be there and be equal; keys that are not expected may be there.
fn compare_within(found: &mut Vec<String>, place: &str, expected: &Value, got: &Value) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (key, value) in expected {
                match got.get(key) {
                    Some(got) => compare_within(found, &format!("{place}.{key}"), value, got),
                    None => found.push(format!("{place}.{key}: missing")),
                }
            }
        }
        _ => compare(found, place, expected, got),
    }
}

fn compare<T: PartialEq + std::fmt::Debug>(found: &mut Vec<String>, place: &str, expected: &T, got: &T) {
    if expected != got {
        found.push(format!("{place}: expected {expected:?}, got {got:?}"));
    }
}

fn code_of(error: Option<&StepError>) -> Option<String> {
    error.map(|error| error.code.clone())
}

fn put_directory(value: &mut Value, directory: &str) {
    match value {
        Value::String(text) => *text = text.replace("${tmp}", directory),
        Value::Array(items) => items.iter_mut().for_each(|item| put_directory(item, directory)),
        Value::Object(fields) => fields.values_mut().for_each(|field| put_directory(field, directory)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
