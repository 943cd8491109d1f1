use serde_json::{Map, Value, json};

use super::{Retry, Template, emit};

/// The template in canonical form as YAML, for people to read; fields that have their default are left out.
///
/// Parsing it again gives the same template.
#[must_use]
pub fn to_yaml(template: &Template) -> String {
    let mut value = json!(template);
    if let Some(fields) = value.as_object_mut() {
        if let Some(lifecycle) = fields.get_mut("lifecycle").and_then(Value::as_object_mut) {
            whole(lifecycle, "max_duration_minutes");
        }
        remove_if(fields, "lifecycle", |lifecycle| lifecycle == &json!({}));
    }
    for environment in
        value.get_mut("environments").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        for step in steps(environment) {
            whole(step, "timeout_seconds");
        }
    }
    for step in steps(&mut value) {
        whole(step, "timeout_seconds");
        remove_if(step, "type", |kind| kind == "standard");
        remove_if(step, "dependencies", |dependencies| dependencies == &json!([]));
        if let Some(retry) = step.get_mut("retry").and_then(Value::as_object_mut) {
            without_defaults(retry);
        }
        remove_if(step, "retry", |retry| retry == &json!({}));
    }
    emit::document(&value)
}

fn steps(value: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let steps = value.get_mut("steps").and_then(Value::as_array_mut);
    steps.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Writes `30`, not `30.0`.
fn whole(fields: &mut Map<String, Value>, name: &str) {
    if let Some(value) = fields.get_mut(name)
        && let Some(number) = value.as_f64().filter(|number| number.fract() == 0.0)
    {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a checked template has no number beyond a year of minutes"
        )]
        let integer = number as i64;
        *value = integer.into();
    }
}

fn remove_if(fields: &mut Map<String, Value>, name: &str, condition: impl Fn(&Value) -> bool) {
    if fields.get(name).is_some_and(condition) {
        fields.shift_remove(name);
    }
}

fn without_defaults(retry: &mut Map<String, Value>) {
    // The default of the cap depends on the base, so the two are left out together.
    let mut defaults = json!(Retry::default());
    if retry.get("backoff_base_ms") != defaults.get("backoff_base_ms")
        && let Some(defaults) = defaults.as_object_mut()
    {
        defaults.shift_remove("max_backoff_ms");
    }
    retry.retain(|name, value| defaults.get(name) != Some(value));
}
