use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{Polled, Report, Verdict};

/// The JSON Schema (2020-12) of the protocol: every type under `$defs`, by its name.
#[must_use]
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let entries = [
        generator.subschema_for::<Polled>(),
        generator.subschema_for::<Report>(),
        generator.subschema_for::<Verdict>(),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tasker worker protocol",
        "description": "What a poll gives (Polled), what a worker sends back (Report), and what became of it (Verdict).",
        "anyOf": entries,
        "$defs": generator.take_definitions(true),
    })
}
