use serde_json::{Map, Value};

use super::{document::Kind, scalar};

/// Columns within which a list of scalars stands on one line.
const WIDTH: usize = 100;

/// JSON as YAML in block style, that the loader reads back as the same value.
///
/// The ready-made writers quote by the rules of other YAML versions and leave a key such as `<<` bare; here the quoting is
/// decided by the same typing of scalars that the loader uses.
pub(super) fn document(value: &Value) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => mapping(fields, 0),
        Value::Array(items) if !items.is_empty() => list(items, 0),
        _ => scalar(value, 2) + "\n",
    }
}

/// The entries, each on a new line and indented.
fn mapping(fields: &Map<String, Value>, indent: usize) -> String {
    let mut text = String::new();
    for (key, value) in fields {
        let pad = " ".repeat(indent);
        let key = inline(key);
        text.push_str(&match value {
            Value::Object(fields) if !fields.is_empty() => format!("{pad}{key}:\n{}", mapping(fields, indent + 2)),
            Value::Array(items) if !items.is_empty() => match flow(items, WIDTH.saturating_sub(indent + key.len())) {
                Some(line) => format!("{pad}{key}: {line}\n"),
                None => format!("{pad}{key}:\n{}", list(items, indent + 2)),
            },
            _ => format!("{pad}{key}: {}\n", scalar(value, indent + 2)),
        });
    }
    text
}

fn list(items: &[Value], indent: usize) -> String {
    let mut text = String::new();
    for item in items {
        let pad = " ".repeat(indent);
        text.push_str(&match item {
            // The first line of what is nested follows the dash.
            Value::Object(fields) if !fields.is_empty() => {
                format!("{pad}- {}", mapping(fields, indent + 2).trim_start_matches(' '))
            }
            Value::Array(items) if !items.is_empty() => {
                format!("{pad}- {}", list(items, indent + 2).trim_start_matches(' '))
            }
            _ => format!("{pad}- {}\n", scalar(item, indent + 2)),
        });
    }
    text
}

/// A list on one line, if it holds scalars only and fits.
fn flow(items: &[Value], width: usize) -> Option<String> {
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        parts.push(match item {
            Value::Object(_) | Value::Array(_) => return None,
            Value::String(text) => inline(text),
            _ => item.to_string(),
        });
    }
    let line = format!("[{}]", parts.join(", "));
    (line.len() <= width).then_some(line)
}

/// A value that needs no lines of its own, or text as a block of lines indented by `indent`.
fn scalar(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) if is_block(text) => block(text, indent),
        Value::String(text) => inline(text),
        // Empty lists and mappings are written as JSON writes them.
        _ => value.to_string(),
    }
}

/// Text on one line: bare if it reads back as the same text, here and in readers of YAML 1.1; otherwise in quotes.
fn inline(text: &str) -> String {
    let old_boolean = matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off");
    let bare = text.starts_with(|first: char| first.is_alphanumeric() || first == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ' '))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !old_boolean
        && matches!(scalar::plain(text), Ok(Kind::Text(_)));
    if bare { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(c),
            _ if c.is_alphanumeric() => quoted.push(c),
            _ => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text of several lines keeps its form as a literal block.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let printable = |c: char| c == '\n' || matches!(c, ' '..='~') || c.is_alphanumeric();
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.chars().all(printable)
        && body.lines().all(|line| !line.ends_with(' '))
}

fn block(text: &str, indent: usize) -> String {
    let (head, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    let pad = " ".repeat(indent);
    let lines = body.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") });
    std::iter::once(head.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}
