use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::template::Template;

/// What changed between two versions of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct TemplateDiff {
    pub namespace: String,
    pub name: String,
    /// The version that the changes start from.
    pub from: String,
    /// The version that the changes lead to.
    pub to: String,
    /// Empty if the two say the same; in the order of the template, steps by their names.
    pub changes: Vec<Change>,
}

/// One value that is not the same in both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Change {
    pub kind: ChangeKind,
    /// Where: `steps.charge.retry.max_attempts`.
    pub path: String,
    /// What was there; none for what was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<serde_json::Value>))]
    pub before: Option<Value>,
    /// What is there; none for what was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<serde_json::Value>))]
    pub after: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

impl TemplateDiff {
    /// Compares two templates in canonical form. Steps are matched by name, so that their order alone is no change.
    #[must_use]
    pub fn of(from: &Template, to: &Template) -> Self {
        let mut changes = Vec::new();
        compare("", &comparable(from), &comparable(to), &mut changes);
        Self {
            namespace: to.namespace.clone(),
            name: to.name.clone(),
            from: from.version.clone(),
            to: to.version.clone(),
            changes,
        }
    }
}

/// The template as a tree, with its steps by name and without what is different anyway.
fn comparable(template: &Template) -> Value {
    let mut tree = serde_json::to_value(template).unwrap_or_default();
    if let Value::Object(fields) = &mut tree {
        fields.remove("version");
        if let Some(Value::Array(steps)) = fields.remove("steps") {
            let by_name = |step: Value| Some((step.get("name")?.as_str()?.to_owned(), step));
            fields.insert("steps".to_owned(), Value::Object(steps.into_iter().filter_map(by_name).collect()));
        }
    }
    tree
}

fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        return compare_fields(path, before, after, changes);
    }
    let (before, after) = (Some(before.clone()), Some(after.clone()));
    changes.push(Change { kind: ChangeKind::Changed, path: path.to_owned(), before, after });
}

fn compare_fields(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, changes: &mut Vec<Change>) {
    let known: BTreeSet<&String> = before.keys().collect();
    for name in before.keys().chain(after.keys().filter(|name| !known.contains(name))) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => compare(&path, before, after, changes),
            (before, after) => {
                let kind = if before.is_some() { ChangeKind::Removed } else { ChangeKind::Added };
                changes.push(Change { kind, path, before: before.cloned(), after: after.cloned() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::parse;

    const TEMPLATE: &str = "
        name: order
        namespace: shop
        version: 1.0.0
        steps:
          - {name: a, handler: {callable: h}}
          - {name: b, handler: {callable: h}, dependencies: [a]}
    ";

    fn changes(edit: impl Fn(String) -> String) -> Vec<String> {
        let template = |text: &str| parse(text, "t").expect("a valid template");
        let diff = TemplateDiff::of(&template(TEMPLATE), &template(&edit(TEMPLATE.to_owned())));
        let shown = diff.changes.iter().map(|Change { kind, path, before, after }| {
            let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
            format!("{kind:?} {path} {} {}", text(before), text(after)).chars().take(60).collect()
        });
        shown.collect()
    }

    #[test]
    fn every_change_has_its_place_and_both_values() {
        assert_eq!(changes(|text| text.replace("1.0.0", "1.1.0")), [""; 0]);
        let edited = |text: String| {
            text.replace("name: b,", "name: c,")
                .replace("name: a, handler: {callable: h}", "name: a, timeout_seconds: 5, handler: {callable: g}")
        };
        let found = changes(edited);
        assert_eq!(
            found.iter().map(|line| line.split(" {").next().unwrap_or_default()).collect::<Vec<_>>(),
            [
                "Changed steps.a.handler.callable \"h\" \"g\"",
                "Added steps.a.timeout_seconds - 5.0",
                "Removed steps.b",
                "Added steps.c -"
            ]
        );
    }
}
