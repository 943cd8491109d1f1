//! The protocol's schema is the one that is checked in, and the golden samples are read, written and described by it.

#![expect(clippy::unwrap_used, reason = "a sample that cannot be read fails its test")]

use std::{env, fs, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tasker_worker::protocol::{Polled, Report, Verdict, schema};

#[test]
fn the_schema_is_the_one_that_is_checked_in() {
    let path = in_crate("../docs/reference/protocol.schema.json");
    let generated = format!("{:#}\n", schema());
    if env::var_os("TASKER_BLESS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == generated, "{} is not up to date: run this test with TASKER_BLESS=1", path.display());
}

#[test]
fn every_golden_sample_survives_the_round_trip() {
    let samples = golden();
    assert!(samples.len() >= 27, "samples are missing: {samples:?}");
    for (name, text) in samples {
        let written = match kind(&name) {
            "polled" => round_trip::<Polled>(&text),
            "report" => round_trip::<Report>(&text),
            "verdicts" => round_trip::<Vec<Verdict>>(&text),
            other => panic!("{name}: no type is called {other}"),
        };
        // The texts are compared, not trees: numbers, key order and spelling must pass through untouched.
        assert_eq!(compact(&written), compact(&text), "{name}");
    }
}

#[test]
fn every_golden_sample_satisfies_the_schema() {
    for (name, text) in golden() {
        let (reference, sample) = match kind(&name) {
            "polled" => (json!({"$ref": "#/$defs/Polled"}), parse(&text)),
            "report" => (json!({"$ref": "#/$defs/Report"}), parse(&text)),
            _ => (json!({"type": "array", "items": {"$ref": "#/$defs/Verdict"}}), parse(&text)),
        };
        let faults: Vec<_> = validator(&reference).iter_errors(&sample).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, [""; 0], "{name}");
    }
}

#[test]
fn types_and_schema_refuse_the_same_faults() {
    let report = |outcome: Value| json!({"lease": {"task_id": "0197f3c0-5a5e-7b1c-8d4e-2f6a9c1b0006", "step_idx": 2, "attempt": 1}, "outcome": outcome});
    let faulty = [
        report(json!("finished")),
        report(json!({"succeeded": {}})),
        report(json!({"succeeded": {"result": 1, "next": {"route": ["a"]}}})),
        report(json!({"succeeded": {"result": 1, "next": {"skip": {}}}})),
        // What says what is to be done is not done in part.
        report(json!({"succeeded": {"result": 1, "next": {"skip": {"reason": "r", "extra": 1}}}})),
        report(json!({"succeeded": {"result": 1, "next": {"batches": {"batches": {"items": []}, "extra": 1}}}})),
        report(
            json!({"succeeded": {"result": 1, "next": {"batches": {"batches": {"split": {"total_items": -1, "batch_size": 1}}}}}}),
        ),
        report(json!({"succeeded": {"result": 1, "next": {"batches": {"batches": {"ranges": [{"start": 1}]}}}}})),
        report(
            json!({"succeeded": {"result": 1, "next": {"batches": {"batches": {"items": []}, "failure_strategy": "shrug"}}}}),
        ),
        report(json!({"succeeded": {"result": 1, "events": [{"name": "a"}]}})),
        report(json!({"failed": {"error": {"kind": "fatal", "code": "x", "message": "y"}}})),
        report(json!({"failed": {"error": {"kind": "permanent", "message": "no code"}}})),
        json!({"lease": {"task_id": "0197f3c0-5a5e-7b1c-8d4e-2f6a9c1b0006", "step_idx": -1, "attempt": 1}, "outcome": "released"}),
        json!({"outcome": "released"}),
    ];
    let validator = validator(&json!({"$ref": "#/$defs/Report"}));
    for sample in faulty {
        assert!(!validator.is_valid(&sample), "the schema accepts {sample}");
        assert!(serde_json::from_str::<Report>(&sample.to_string()).is_err(), "the types accept {sample}");
    }
}

/// Workers and servers of two versions stand beside each other while one after the other is upgraded.
#[test]
fn what_a_newer_version_adds_is_passed_over() {
    let places = [
        ("polled", "/run"),
        ("polled", "/run/lease"),
        ("polled", "/run/handler"),
        ("polled", "/run/batch"),
        ("polled", concat!("/run/batch", "/work", "/range")),
        ("polled", "/run/checkpoint"),
        ("polled", "/run/parent"),
        ("polled", "/run/trace_context"),
        ("polled", "/run/ending"),
        ("polled", "/run/ending/error"),
        ("report", ""),
        ("report", "/lease"),
        ("report", "/outcome/succeeded"),
        ("report", "/outcome/succeeded/events/0"),
        ("report", "/outcome/failed"),
        ("report", "/outcome/failed/error"),
    ];
    for (kind_of, place) in places {
        let with_it = |(name, text): &(String, String)| kind(name) == kind_of && parse(text).pointer(place).is_some();
        let (name, text) = golden().into_iter().find(with_it).unwrap_or_else(|| panic!("{place} is in no sample"));
        let mut newer = parse(&text);
        newer.pointer_mut(place).unwrap()["of_the_future"] = json!({"deep": 1});
        let read = |text: &str| match kind_of {
            "polled" => round_trip::<Polled>(text),
            _ => round_trip::<Report>(text),
        };
        assert_eq!(read(&newer.to_string()), read(&parse(&text).to_string()), "{name} {place}");
        let schema =
            validator(&json!({"$ref": format!("#/$defs/{}", if kind_of == "polled" { "Polled" } else { "Report" })}));
        assert!(schema.is_valid(&newer), "{name} {place}");
    }
}

fn golden() -> Vec<(String, String)> {
    let mut samples: Vec<_> = fs::read_dir(in_crate("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    samples.sort();
    samples
}

/// A sample is called `{type}.{what it shows}.json`.
fn kind(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn round_trip<T: DeserializeOwned + Serialize>(text: &str) -> String {
    let value: T = serde_json::from_str(text).unwrap();
    serde_json::to_string(&value).unwrap()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn validator(reference: &Value) -> jsonschema::Validator {
    let mut schema = schema();
    schema.as_object_mut().unwrap().remove("anyOf");
    schema["allOf"] = json!([reference]);
    jsonschema::draft202012::new(&schema).unwrap()
}

/// The JSON text without the white space between its tokens.
fn compact(text: &str) -> String {
    let mut compacted = String::new();
    let (mut in_text, mut escaped) = (false, false);
    for letter in text.chars() {
        if in_text || !letter.is_whitespace() {
            compacted.push(letter);
        }
        in_text = if letter == '"' && !escaped { !in_text } else { in_text };
        escaped = in_text && letter == '\\' && !escaped;
    }
    compacted
}

fn in_crate(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
