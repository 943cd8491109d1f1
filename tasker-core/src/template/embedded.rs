//! The JSON Schemas that a template holds: for inputs, results and events.

use std::collections::HashSet;

use jsonschema::{
    JsonType, ValidationError, draft202012,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use super::{
    document::{Kind, Node, cut, shortened},
    fault::{Fault, FaultCode, Path},
    nearest::nearest,
};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];

/// What is wrong with a schema, each at the node that it is about.
pub(super) fn check(node: &Node, at: &Path<'_>) -> Vec<Fault> {
    let schema = node.to_json();
    let mut check = Check { whole: &schema, at, faults: Vec::new() };
    check.dialect(node);
    if check.faults.is_empty() {
        check.meta_schema(node);
        check.references(node, at);
    }
    if check.faults.is_empty() {
        check.compile(node);
    }
    check.faults
}

struct Check<'a> {
    whole: &'a Value,
    at: &'a Path<'a>,
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn bad(&mut self, node: &Node, at: &Path<'_>, message: String, remedy: impl Into<String>) {
        self.faults.push(Fault::new(FaultCode::BadSchema, node.mark, at, message, remedy));
    }

    /// A fault that the validator found, at the node that a pointer leads to.
    fn found(&mut self, node: &Node, error: &ValidationError<'_>) {
        let pointer = error.instance_path().as_str();
        let keyword = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
        let place = node.at_pointer(pointer);
        // Among several types, the one that is none.
        let unknown_type = |item: &&Node| item.text().is_none_or(|text| !TYPES.contains(&text));
        let place = match keyword {
            "type" => place.items().iter().find(unknown_type).unwrap_or(place),
            _ => place,
        };
        let (message, remedy) = explain(error, keyword, place);
        self.bad(place, &Path::Pointer(self.at, pointer), message, remedy);
    }

    fn dialect(&mut self, node: &Node) {
        if let Some(dialect) = node.get("$schema")
            && dialect.text().is_none_or(|text| text.trim_end_matches('#') != DIALECT)
        {
            let message = format!("the schema is of another dialect: {}", dialect.described());
            self.bad(
                dialect,
                &self.at.field("$schema"),
                message,
                format!("remove `$schema`, or write {DIALECT} and what that allows"),
            );
        }
    }

    fn meta_schema(&mut self, node: &Node) {
        let mut seen = HashSet::new();
        let validator = draft202012::meta::validator();
        for error in validator.iter_errors(self.whole) {
            let pointer = error.instance_path().as_str();
            if seen.insert(pointer.to_owned()) {
                self.found(node, &error);
            }
        }
    }

    /// Refuses references that lead out of the schema or nowhere.
    fn references(&mut self, node: &Node, at: &Path<'_>) {
        for entry in node.entries() {
            let here = at.field(&entry.key);
            match (&*entry.key, &entry.value.kind) {
                ("$ref" | "$dynamicRef", Kind::Text(target)) => self.reference(&entry.value, &here, target),
                // Data, not schemas.
                ("const" | "enum" | "default" | "examples", _) => {}
                (
                    "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                    Kind::Map(named),
                ) => {
                    for schema in named {
                        self.references(&schema.value, &here.field(&schema.key));
                    }
                }
                (_, Kind::List(schemas)) => {
                    for (index, schema) in schemas.iter().enumerate() {
                        self.references(schema, &here.index(index));
                    }
                }
                _ => self.references(&entry.value, &here),
            }
        }
    }

    fn reference(&mut self, node: &Node, at: &Path<'_>, target: &str) {
        let Some(fragment) = target.strip_prefix('#') else {
            let message = format!("the reference `{}` leads out of the schema", shortened(target));
            let remedy = "copy the definition under `$defs` and refer to `#/$defs/NAME`";
            self.faults.push(Fault::new(FaultCode::RemoteReference, node.mark, at, message, remedy));
            return;
        };
        if (fragment.is_empty() || fragment.starts_with('/')) && self.whole.pointer(fragment).is_none() {
            let names = self.whole.get("$defs").and_then(Value::as_object).into_iter().flat_map(|names| names.keys());
            let defined: Vec<String> = names.map(|name| format!("#/$defs/{name}")).collect();
            let remedy = match nearest(target, defined.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "add the definition under `$defs` of the same schema".into(),
            };
            self.bad(node, at, format!("the reference `{}` leads nowhere", shortened(target)), remedy);
        }
    }

    /// What only shows when the schema is put to use: patterns, anchors.
    fn compile(&mut self, node: &Node) {
        if let Err(error) = draft202012::options().offline().build(self.whole) {
            self.found(node, &error);
        }
    }
}

fn explain(error: &ValidationError<'_>, keyword: &str, place: &Node) -> (String, String) {
    if let ("type", Some(word)) = (keyword, place.text()) {
        let near = match nearest(word, TYPES).or_else(|| type_of_other_languages(word)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use one of: {}", TYPES.join(", ")),
        };
        return (format!("`{}` is not a type of JSON", shortened(word)), near);
    }
    let subject = if keyword.is_empty() { "the schema".into() } else { format!("`{keyword}` in the schema") };
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let message = format!("{subject} has to be {}, but is {}", types(kind), place.described());
            (message, wanted_by(keyword).into())
        }
        ValidationErrorKind::Format { format } if format == "regex" => {
            let message = format!("{subject} is not a regular expression: {}", place.described());
            (message, "close its groups and brackets, and escape what is meant literally".into())
        }
        kind => {
            let message = format!(
                "{subject} breaks the rule `{}` of JSON Schema: {}",
                kind.keyword(),
                cut(&error.to_string(), 200)
            );
            (message, "write a value that JSON Schema 2020-12 allows for it".into())
        }
    }
}

/// What other schema languages call the types of JSON.
fn type_of_other_languages(word: &str) -> Option<&'static str> {
    match word.to_lowercase().as_str() {
        "str" | "text" | "uuid" | "date" | "datetime" => Some("string"),
        "int" | "long" => Some("integer"),
        "float" | "double" | "decimal" => Some("number"),
        "bool" => Some("boolean"),
        "map" | "hash" | "dict" => Some("object"),
        "list" => Some("array"),
        "nil" | "none" => Some("null"),
        _ => None,
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => name_of(*one).to_owned(),
        TypeKind::Multiple(several) => several.iter().map(name_of).collect::<Vec<_>>().join(" or "),
    }
}

fn name_of(json_type: JsonType) -> &'static str {
    match json_type {
        JsonType::Array => "a list",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a mapping",
        JsonType::String => "text",
    }
}

fn wanted_by(keyword: &str) -> &'static str {
    match keyword {
        "required" => "list the names of required properties beside `properties`: required: [order_id]",
        "properties" => "map each property to its schema: properties: {order_id: {type: string}}",
        "enum" => "list the values: enum: [small, large]",
        _ => "write a value of the type that the keyword takes",
    }
}
