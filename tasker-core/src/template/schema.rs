use serde_json::{Map, Value, json};

use super::{
    fields,
    load::load,
    shape::{Bound, Field, Shape, Table},
};

/// The JSON Schema of a template as people write it, both dialects included, for editors to complete and check by.
///
/// It is made of the tables that [`parse`](super::parse) checks by, so that it says neither more nor less about fields;
/// what spans fields (dependencies, cycles, the content of schemas) only `parse` can check.
#[must_use]
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    define(&fields::TEMPLATE, &mut definitions);
    let mut schema = definitions.shift_remove(&key(&fields::TEMPLATE)).unwrap_or_default();
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tasker template",
    });
    let mut whole = head.as_object().cloned().unwrap_or_default();
    whole.append(schema.as_object_mut().unwrap_or(&mut Map::new()));
    whole.insert("$defs".into(), Value::Object(definitions));
    Value::Object(whole)
}

/// Adds the definition of a table, and of those that it needs.
fn define(table: &Table, definitions: &mut Map<String, Value>) {
    if definitions.contains_key(&key(table)) {
        return;
    }
    // Holds the place, so that outer tables come before inner ones.
    definitions.insert(key(table), Value::Null);
    let mut properties = Map::new();
    for field in table.fields {
        let nested = match field.shape {
            Shape::Object(table) | Shape::ListOf(table) | Shape::MapOf(table) => Some(table),
            _ => None,
        };
        if let Some(nested) = nested {
            define(nested, definitions);
        }
        for name in field.names() {
            properties.insert(name.into(), property(table, field, name));
        }
    }
    let mut definition = json!({
        "description": table.about,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    let required: Vec<&str> = table
        .fields
        .iter()
        .filter(|field| field.required && field.aliases.is_empty())
        .map(|field| field.name)
        .collect();
    if !required.is_empty() {
        definition["required"] = json!(required);
    }
    let rules = rules(table);
    if !rules.is_empty() {
        definition["allOf"] = Value::Array(rules);
    }
    definitions.insert(key(table), definition);
}

/// The name of a table's definition, which is part of a URI.
fn key(table: &Table) -> String {
    table.name.replace(' ', "_")
}

/// Which fields go together: exactly one of a group, at most one of a pair.
fn rules(table: &Table) -> Vec<Value> {
    let one = |names: &[&str]| {
        let each: Vec<Value> = names.iter().map(|name| json!({"required": [name]})).collect();
        json!({"oneOf": each})
    };
    let apart = |a: &str, b: &str| json!({"not": {"required": [a, b]}});
    let mut rules = Vec::new();
    for field in table.fields.iter().filter(|field| !field.aliases.is_empty()) {
        let names: Vec<&str> = field.names().collect();
        if field.required {
            rules.push(one(&names));
        } else {
            for (index, a) in names.iter().enumerate() {
                rules.extend(names[index + 1..].iter().map(|b| apart(a, b)));
            }
        }
    }
    rules.extend(table.one_of.iter().map(|group| one(group)));
    for (kept, other) in table.apart {
        let names = |name: &str| table.field(name).into_iter().flat_map(Field::names);
        rules.extend(names(kept).flat_map(|a| names(other).map(move |b| apart(a, b))));
    }
    rules
}

fn property(table: &Table, field: &Field, name: &str) -> Value {
    let mut property = Map::new();
    let about = if name == field.name {
        field.about.to_owned()
    } else {
        format!("Another name for `{}`. {}", field.name, field.about)
    };
    property.insert("description".into(), about.into());
    // A field that is not needed may stand without a value.
    let needed = field.required || table.one_of.iter().any(|group| group.contains(&field.name));
    property.extend(constraint(field, needed));
    if !matches!(field.shape, Shape::Inert)
        && let (Some(example), _) = load(field.example)
    {
        property.insert("examples".into(), json!([example.to_json()]));
    }
    Value::Object(property)
}

fn constraint(field: &Field, needed: bool) -> Map<String, Value> {
    let reference = |table: &Table| json!({"$ref": format!("#/$defs/{}", key(table))});
    let kind = |name: &str| if needed { json!(name) } else { json!([name, "null"]) };
    let words = |words: &[&str]| {
        let null = (!needed).then_some(Value::Null);
        json!({"enum": words.iter().map(|word| json!(word)).chain(null).collect::<Vec<_>>()})
    };
    let step_name = json!({"anyOf": [
        {"type": "string"},
        {"type": "object", "properties": {"step": {"type": "string"}}, "required": ["step"], "additionalProperties": false},
    ]});
    let constraint = match field.shape {
        Shape::Inert => json!({}),
        Shape::Text | Shape::Expression => json!({"type": kind("string")}),
        Shape::Word(rule) => json!({"type": kind("string"), "pattern": rule.pattern()}),
        Shape::Expressions => json!({"type": kind("object"), "additionalProperties": {"type": "string"}}),
        Shape::Boolean => json!({"type": kind("boolean")}),
        Shape::Whole { least, most } => json!({"type": kind("integer"), "minimum": least, "maximum": most}),
        Shape::Number { bound: Bound::Above(above), most } => {
            json!({"type": kind("number"), "exclusiveMinimum": above, "maximum": most})
        }
        Shape::Number { bound: Bound::Least(least), most } => {
            json!({"type": kind("number"), "minimum": least, "maximum": most})
        }
        Shape::Choice(choices) => words(choices),
        Shape::Configuration | Shape::Schema => json!({"type": kind("object")}),
        Shape::StepNames => json!({"anyOf": [step_name, {"type": "array", "items": step_name}, {"type": "null"}]}),
        Shape::Object(table) if needed => reference(table),
        Shape::Object(table) => json!({"anyOf": [reference(table), {"type": "null"}]}),
        Shape::ListOf(table) if needed => json!({"type": "array", "items": reference(table), "minItems": 1}),
        Shape::ListOf(table) => json!({"type": kind("array"), "items": reference(table)}),
        Shape::MapOf(table) => json!({"type": kind("object"), "additionalProperties": reference(table)}),
    };
    constraint.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every table, found from the top.
    fn tables(table: &'static Table, found: &mut Vec<&'static Table>) {
        if found.iter().any(|known| known.name == table.name) {
            return;
        }
        found.push(table);
        for field in table.fields {
            if let Shape::Object(inner) | Shape::ListOf(inner) | Shape::MapOf(inner) = field.shape {
                tables(inner, found);
            }
        }
    }

    #[test]
    fn every_example_satisfies_the_property_that_it_stands_at() {
        let mut found = Vec::new();
        tables(&fields::TEMPLATE, &mut found);
        let whole = json_schema();
        for (table, field) in found.iter().flat_map(|table| table.fields.iter().map(move |field| (table, field))) {
            let mut schema = property(table, field, field.name);
            schema["$defs"] = whole["$defs"].clone();
            let example = load(field.example).0.expect("an example is YAML").to_json();
            let validator = jsonschema::draft202012::new(&schema).expect("a property is a schema");
            assert!(validator.is_valid(&example), "{}.{}: {example}", table.name, field.name);
        }
    }
}
