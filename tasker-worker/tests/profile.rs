//! The samples of the JSON profile, written as a binding writes them; every language's suite loads the same ones.

#![expect(clippy::unwrap_used, reason = "a sample that cannot be read fails its test")]

use std::{convert::Infallible, fs, path::Path, ptr};

use serde::Deserialize;
use serde_json::{Value, json};
use tasker_worker::host::profile::{Look, Refused, Scalar, Shape, write};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: String,
    value: Value,
    json: Option<String>,
    fault: Option<ExpectedFault>,
    #[serde(default)]
    only: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFault {
    reason: String,
    path: String,
}

#[test]
fn every_sample_is_written_or_refused_as_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profile.json");
    let samples: Vec<Sample> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(samples.len() >= 20);
    // Samples of a language's own types are that language's to check.
    for sample in samples.iter().filter(|sample| sample.only.is_empty()) {
        match (write(&Samples, &sample.value), &sample.json, &sample.fault) {
            (Ok(json), Some(expected), None) => assert_eq!(json.as_str(), expected, "{}", sample.name),
            (Err(Refused::Fault(fault)), None, Some(expected)) => {
                assert_eq!((fault.reason, &fault.path), (expected.reason.as_str(), &expected.path), "{}", sample.name);
            }
            (written, ..) => panic!("{}: {written:?}", sample.name),
        }
    }
}

/// The values that samples describe: `{"$kind": ...}` is one that JSON does not have.
struct Samples;

impl Samples {
    fn kind(value: &Value) -> Option<(&str, &Value)> {
        let (kind, made) = value.as_object()?.iter().next()?;
        kind.starts_with('$').then_some((kind.as_str(), made))
    }
}

impl Look for Samples {
    type Value = Value;
    type Error = Infallible;

    fn shape<'v>(&self, value: &'v Value) -> Result<Shape<'v, Value>, Infallible> {
        let Some((kind, made)) = Self::kind(value) else {
            return Ok(match value {
                Value::Null => Shape::Scalar(Scalar::Null),
                Value::Bool(flag) => Shape::Scalar(Scalar::Bool(*flag)),
                Value::Number(number) => Shape::Scalar(match number.as_i64() {
                    Some(int) => Scalar::Int(int),
                    None => Scalar::Float(number.as_f64().unwrap()),
                }),
                Value::String(text) => Shape::Scalar(Scalar::text(text)),
                Value::Array(_) => Shape::List,
                Value::Object(_) => Shape::Object,
            });
        };
        let text = made.as_str().unwrap_or_default();
        Ok(match kind {
            "$date" => Shape::StandIn(made.clone()),
            "$int" => match (text.parse(), text.parse()) {
                (Ok(int), _) => Shape::Scalar(Scalar::Int(int)),
                (_, Ok(int)) => Shape::Scalar(Scalar::Uint(int)),
                _ => Shape::LargeInt,
            },
            "$float" => Shape::Scalar(Scalar::Float(text.parse().unwrap())),
            "$broken_text" => Shape::BrokenText,
            "$object" => Shape::Unknown(None),
            "$map" => Shape::Object,
            "$deep" => Shape::List,
            "$circular" if text == "list" => Shape::List,
            "$circular" => Shape::Object,
            other => panic!("no value is made by `{other}`"),
        })
    }

    fn each_item(
        &self,
        list: &Value,
        mut visit: impl FnMut(&Value) -> Result<(), Refused<Infallible>>,
    ) -> Result<(), Refused<Infallible>> {
        match Self::kind(list) {
            Some(("$deep", levels)) => match levels.as_u64().unwrap() {
                1 => Ok(()),
                levels => visit(&json!({"$deep": levels - 1})),
            },
            Some(_) => visit(&json!({"back": list})),
            None => list.as_array().unwrap().iter().try_for_each(visit),
        }
    }

    fn each_field(
        &self,
        object: &Value,
        mut visit: impl FnMut(&Value, &Value) -> Result<(), Refused<Infallible>>,
    ) -> Result<(), Refused<Infallible>> {
        match Self::kind(object) {
            Some(("$map", _)) => visit(&json!(1), &Value::Null),
            Some(_) => visit(&json!("inner"), &json!([object])),
            None => object.as_object().unwrap().iter().try_for_each(|(key, value)| visit(&json!(key), value)),
        }
    }

    fn identity(&self, value: &Value) -> usize {
        // A circular value is made again wherever it contains itself.
        if matches!(Self::kind(value), Some(("$circular", _))) { 1 } else { ptr::from_ref(value).addr() }
    }

    fn type_name(&self, _: &Value) -> Result<String, Infallible> {
        Ok("Object".to_owned())
    }
}
