//! The samples of the JSON profile, written as a binding writes them; every language's suite loads the same ones.

#![expect(clippy::unwrap_used, reason = "a sample that cannot be read fails its test")]

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;
use tasker_worker::host::profile::{Fault, Writer};

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
    // The writer has no types of a language; samples of such types are that language's to check.
    for sample in samples.iter().filter(|sample| sample.only.is_empty()) {
        let mut writer = Writer::new();
        let written = write(&mut writer, &sample.value, 1).and_then(|()| writer.finish());
        match (written, &sample.json, &sample.fault) {
            (Ok(json), Some(expected), None) => assert_eq!(json.as_str(), expected, "{}", sample.name),
            (Err(fault), None, Some(expected)) => {
                assert_eq!((fault.reason, &fault.path), (expected.reason.as_str(), &expected.path), "{}", sample.name);
            }
            (written, ..) => panic!("{}: {written:?}", sample.name),
        }
    }
}

/// `identity` stands for the address of a value; each level has one of its own.
fn write(writer: &mut Writer, value: &Value, identity: usize) -> Result<(), Fault> {
    match value {
        Value::Null => writer.null(),
        Value::Bool(flag) => writer.bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(int) => writer.int(int),
            None => writer.float(number.as_f64().unwrap())?,
        },
        Value::String(text) => writer.text(text),
        Value::Array(items) => {
            writer.begin_list(identity)?;
            items.iter().try_for_each(|item| write(writer, item, identity + 1))?;
            writer.end();
        }
        Value::Object(fields) => match fields.iter().next() {
            Some((kind, made)) if kind.starts_with('$') => write_made(writer, kind, made, identity)?,
            _ => {
                writer.begin_object(identity)?;
                for (key, value) in fields {
                    writer.key(key);
                    write(writer, value, identity + 1)?;
                }
                writer.end();
            }
        },
    }
    Ok(())
}

fn write_made(writer: &mut Writer, kind: &str, made: &Value, identity: usize) -> Result<(), Fault> {
    let text = made.as_str().unwrap_or_default();
    match kind {
        "$date" => writer.text(text),
        "$int" => match (text.parse::<i64>(), text.parse::<u64>()) {
            (Ok(int), _) => writer.int(int),
            (_, Ok(int)) => writer.uint(int),
            _ => writer.large_int()?,
        },
        "$float" => writer.float(text.parse().unwrap())?,
        "$broken_text" => writer.broken_text()?,
        "$object" => writer.unsupported("Object", None)?,
        "$map" => {
            writer.begin_object(identity)?;
            writer.odd_key("integer")?;
        }
        "$deep" => {
            let levels = usize::try_from(made.as_u64().unwrap()).unwrap();
            (0..levels).try_for_each(|level| writer.begin_list(identity + level))?;
            (0..levels).for_each(|_| writer.end());
        }
        "$circular" if text == "list" => {
            writer.begin_list(identity)?;
            writer.begin_object(identity + 1)?;
            writer.key("back");
            writer.begin_list(identity)?;
        }
        "$circular" => {
            writer.begin_object(identity)?;
            writer.key("inner");
            writer.begin_list(identity + 1)?;
            writer.begin_object(identity)?;
        }
        other => panic!("no value is made by `{other}`"),
    }
    Ok(())
}
