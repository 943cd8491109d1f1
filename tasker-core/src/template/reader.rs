use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_json::Value;

use super::{
    document::{Entry, Kind, Node, shortened},
    embedded,
    expression::Expression,
    fault::{Fault, FaultCode, Mark, Path},
    nearest::nearest,
    shape::{Bound, Field, Rule, Shape, Table},
};

/// Checks mappings against their tables and collects what is wrong.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) faults: Vec<Fault>,
    /// The namespace of the template, once it is known.
    pub(super) namespace: String,
}

/// The fields of one mapping that passed the check, by their first names.
///
/// A field that was refused is as good as absent: it reads as its default, and the fault that was reported for it keeps
/// the template from being handed out.
#[derive(Default)]
pub(super) struct Fields<'n> {
    found: Vec<(&'static str, &'n Entry)>,
}

impl Reader {
    pub(super) fn report(&mut self, code: FaultCode, mark: Mark, at: &Path<'_>, message: String, remedy: String) {
        self.faults.push(Fault::new(code, mark, at, message, remedy));
    }

    /// The fields of a mapping; none if it is not a mapping, which is reported.
    pub(super) fn open<'n>(&mut self, node: &'n Node, at: &Path<'_>, table: &'static Table) -> Fields<'n> {
        let Kind::Map(entries) = &node.kind else {
            self.wrong_type(
                node,
                at,
                &format!("a mapping that describes {}", table.with_article()),
                &first_fields(table),
            );
            return Fields::default();
        };
        let mut found: Vec<(&'static str, &Entry)> = Vec::with_capacity(entries.len().min(table.fields.len()));
        let mut misspelt = Vec::new();
        for entry in entries {
            let Some(field) = table.field(&entry.key) else {
                misspelt.extend(self.unknown(entry, at, table));
                continue;
            };
            if let Some((_, other)) = found.iter().find(|(name, _)| *name == field.name) {
                self.conflict(entry, &other.key, at, field.name);
            } else {
                found.push((field.name, entry));
            }
        }
        self.require(node, &found, &misspelt, at, table);
        self.keep_apart(&found, at, table);
        // A field without a value is one that is not given.
        found.retain(|(name, entry)| {
            let field = table.field(name);
            !entry.value.is_null() && field.is_some_and(|field| self.fits(&entry.value, &at.field(&entry.key), field))
        });
        Fields { found }
    }

    /// Reports a field that is not in the table, and gives the one that was probably meant.
    fn unknown(&mut self, entry: &Entry, at: &Path<'_>, table: &Table) -> Option<&'static str> {
        let key = &*entry.key;
        let near = nearest(key, table.names());
        let remedy = if let Some(home) = table.home_of(key) {
            format!("it belongs under `{home}`")
        } else if let Some(near) = near {
            format!("did you mean `{near}`?")
        } else {
            format!("remove it, or use one of: {}", table.offered())
        };
        let message = format!("{} has no field `{}`", table.with_article(), shortened(key));
        self.report(FaultCode::UnknownField, entry.mark, &at.field(key), message, remedy);
        near.and_then(|near| table.field(near)).map(|field| field.name)
    }

    fn require(&mut self, node: &Node, found: &[(&str, &Entry)], misspelt: &[&str], at: &Path<'_>, table: &Table) {
        let value_of = |name: &str| found.iter().find(|(known, _)| *known == name).map(|(_, entry)| *entry);
        let single = table.fields.iter().filter(|field| field.required).map(|field| vec![field.name]);
        let groups = single.chain(table.one_of.iter().map(|group| group.to_vec()));
        for group in groups {
            let given: Vec<&Entry> = group.iter().filter_map(|name| value_of(name)).collect();
            let Some(field) = table.field(group[0]) else { continue };
            let remedy = format!("add `{}`", written(field));
            match given.as_slice() {
                // To correct the spelling is enough.
                [] if group.iter().any(|name| misspelt.contains(name)) => {}
                [] => {
                    let message = format!("{} needs the field `{}`", table.with_article(), field.name);
                    self.report(FaultCode::MissingField, node.mark, at, message, remedy);
                }
                [entry] if entry.value.is_null() => {
                    let message = format!("`{}` has no value", entry.key);
                    let remedy = format!("write, for example, `{}`", written_as(field, &entry.key));
                    self.report(FaultCode::MissingField, entry.mark, &at.field(&entry.key), message, remedy);
                }
                [_] => {}
                [first, second, ..] => self.conflict(second, &first.key, at, group[0]),
            }
        }
    }

    fn keep_apart(&mut self, found: &[(&str, &Entry)], at: &Path<'_>, table: &Table) {
        for (kept, other) in table.apart {
            let position = |name: &str| found.iter().position(|(known, _)| *known == name);
            if let (Some(a), Some(b)) = (position(kept), position(other)) {
                self.conflict(found[a.max(b)].1, &found[a.min(b)].1.key, at, kept);
            }
        }
    }

    fn conflict(&mut self, second: &Entry, first: &str, at: &Path<'_>, kept: &str) {
        let message = format!("`{}` and `{first}` cannot both be given", second.key);
        let remedy = format!("keep `{kept}` only");
        self.report(FaultCode::ConflictingFields, second.mark, &at.field(&second.key), message, remedy);
    }

    /// Whether a value is of the field's shape; what is within a nested mapping is checked when that is opened.
    fn fits(&mut self, node: &Node, at: &Path<'_>, field: &Field) -> bool {
        let before = self.faults.len();
        match (field.shape, &node.kind) {
            (Shape::Inert, _)
            | (Shape::Text, Kind::Text(_))
            | (Shape::Boolean, Kind::Boolean(_))
            | (Shape::Configuration | Shape::Object(_) | Shape::MapOf(_), Kind::Map(_))
            | (Shape::ListOf(_), Kind::List(_)) => {}
            (Shape::StepNames, _) => self.step_names(node, at),
            (Shape::Schema, Kind::Map(_)) => self.faults.extend(embedded::check(node, at)),
            (Shape::Expression, Kind::Text(text)) => self.expression(text, node.mark, at),
            (Shape::Expressions, Kind::Map(entries)) => {
                for entry in entries {
                    let at = at.field(&entry.key);
                    match &entry.value.kind {
                        Kind::Text(text) => self.expression(text, entry.value.mark, &at),
                        _ => {
                            let remedy = "write, for example, `input.order_id`; text in it needs quotes of its own";
                            self.wrong_type(&entry.value, &at, "an expression, which is text", remedy);
                        }
                    }
                }
            }
            (Shape::Word(rule), Kind::Text(text)) => self.word(text, rule, node.mark, at),
            (Shape::Choice(words), Kind::Text(text)) => self.choice(text, words, node.mark, at),
            (Shape::Word(Rule::Version), Kind::Number(_, written)) => {
                let message =
                    format!("the version is the number {}, and not three numbers with dots", shortened(written));
                let remedy = format!("write {}", as_version(written));
                self.report(FaultCode::BadVersion, node.mark, at, message, remedy);
            }
            (Shape::Whole { least, most }, Kind::Number(number, _)) if !number.is_f64() => {
                let inside = number.as_u64().is_some_and(|value| (least..=most).contains(&value));
                self.range(inside, node, at, field);
            }
            (Shape::Number { bound, most }, Kind::Number(number, _)) => {
                let value = number.as_f64().unwrap_or(f64::INFINITY);
                let enough = match bound {
                    Bound::Above(above) => value > above,
                    Bound::Least(least) => value >= least,
                };
                self.range(enough && value <= most, node, at, field);
            }
            (shape, _) => self.wrong_type(node, at, &shape.expected(), &correction(field, node)),
        }
        self.faults.len() == before
    }

    pub(super) fn wrong_type(&mut self, node: &Node, at: &Path<'_>, expected: &str, remedy: &str) {
        let message = format!("expected {expected}, found {}", node.described());
        self.report(FaultCode::WrongType, node.mark, at, message, remedy.to_owned());
    }

    fn expression(&mut self, text: &str, mark: Mark, at: &Path<'_>) {
        if let Err((message, remedy)) = Expression::parse(text) {
            self.report(FaultCode::BadExpression, mark, at, message, remedy);
        }
    }

    fn range(&mut self, inside: bool, node: &Node, at: &Path<'_>, field: &Field) {
        if !inside {
            let message = format!("expected {}, found {}", field.shape.expected(), node.described());
            self.report(
                FaultCode::OutOfRange,
                node.mark,
                at,
                message,
                format!("write, for example, {}", field.example),
            );
        }
    }

    fn word(&mut self, text: &str, rule: Rule, mark: Mark, at: &Path<'_>) {
        if rule.accepts(text) {
            return;
        }
        let (code, remedy) = match rule {
            Rule::Version => (FaultCode::BadVersion, format!("write {}", as_version(text))),
            Rule::Namespace => (FaultCode::BadNamespace, format!("use {}", rule.wants())),
            _ => (FaultCode::BadName, format!("use {}", rule.wants())),
        };
        let what = match rule {
            Rule::Version => "a semantic version",
            Rule::Namespace => "a namespace",
            Rule::Callable | Rule::HandlerClass => "the name of a handler or method",
            Rule::Name | Rule::StepChoice => "a name",
        };
        self.report(code, mark, at, format!("{:?} is not {what}", shortened(text)), remedy);
    }

    fn choice(&mut self, text: &str, words: &[&str], mark: Mark, at: &Path<'_>) {
        if !words.contains(&text) {
            let remedy = match nearest(text, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of: {}", words.join(", ")),
            };
            let message = format!("`{}` is not one of the words allowed here", shortened(text));
            self.report(FaultCode::UnknownValue, mark, at, message, remedy);
        }
    }

    fn step_names(&mut self, node: &Node, at: &Path<'_>) {
        for (index, item) in node.items().iter().enumerate() {
            if step_name(item).is_none() {
                let place = if matches!(node.kind, Kind::List(_)) { at.index(index) } else { *at };
                self.wrong_type(item, &place, "the name of a step", "write, for example, [validate_order]");
            }
        }
    }
}

/// The name in `x` or `{step: x}`.
pub(super) fn step_name(item: &Node) -> Option<(&str, Mark)> {
    let node = match item.entries() {
        [only] if &*only.key == "step" => &only.value,
        _ => item,
    };
    node.text().map(|name| (name, node.mark))
}

/// The field as one would write it: `timeout_seconds: 30`.
fn written(field: &Field) -> String {
    written_as(field, field.name)
}

fn written_as(field: &Field, name: &str) -> String {
    format!("{name}: {}", field.example)
}

fn first_fields(table: &Table) -> String {
    match table.fields.iter().find(|field| field.required).or(table.fields.first()) {
        Some(field) => format!("write its fields, beginning with `{}`", written(field)),
        None => "write a mapping".into(),
    }
}

/// What to write instead of a value of the wrong type.
fn correction(field: &Field, node: &Node) -> String {
    match (field.shape, &node.kind) {
        (Shape::Boolean, Kind::Text(text)) => match text.to_lowercase().as_str() {
            "yes" | "on" | "true" | "y" => "write true, without quotes".into(),
            "no" | "off" | "false" | "n" => "write false, without quotes".into(),
            _ => "write true or false".into(),
        },
        (Shape::Whole { .. } | Shape::Number { .. }, Kind::Text(text)) if text.parse::<f64>().is_ok() => {
            format!("remove the quotes: {text}")
        }
        (Shape::Text | Shape::Word(_) | Shape::Expression, Kind::Number(_, written)) => {
            format!("put it in quotes: \"{written}\"")
        }
        (Shape::Text | Shape::Word(_) | Shape::Expression, Kind::Boolean(value)) => {
            format!("put it in quotes: \"{value}\"")
        }
        (Shape::ListOf(_), Kind::Map(_)) => "begin each item with `- name: ...`".into(),
        _ => format!("write, for example, `{}`", written(field)),
    }
}

/// The version that was probably meant: `1.0.0` for `1`, `1.0`, `v1.0.0` and `1.0.0.0`.
fn as_version(text: &str) -> String {
    let bare = text.trim().trim_start_matches(['v', 'V']);
    let mut numbers: Vec<u64> = bare.split('.').map_while(|part| part.parse().ok()).take(3).collect();
    if numbers.is_empty() {
        return "three numbers with dots, such as 1.0.0".into();
    }
    numbers.resize(3, 0);
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

impl<'n> Fields<'n> {
    pub(super) fn entry(&self, name: &str) -> Option<&'n Entry> {
        self.found.iter().find(|(known, _)| *known == name).map(|(_, entry)| *entry)
    }

    pub(super) fn node(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.node(name)?.text().map(str::to_owned)
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        self.json(name)?.as_bool()
    }

    pub(super) fn whole(&self, name: &str) -> Option<u64> {
        self.json(name)?.as_u64()
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.json(name)?.as_f64()
    }

    /// The texts of a mapping.
    pub(super) fn texts(&self, name: &str) -> BTreeMap<String, String> {
        let entries = self.node(name).map(Node::entries).unwrap_or_default();
        entries.iter().filter_map(|entry| Some((entry.key.to_string(), entry.value.text()?.to_owned()))).collect()
    }

    pub(super) fn json(&self, name: &str) -> Option<Value> {
        self.node(name).map(Node::to_json)
    }

    /// A word that stands for a variant.
    pub(super) fn choice<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let word: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
            self.node(name)?.text()?.into_deserializer();
        T::deserialize(word).ok()
    }
}
