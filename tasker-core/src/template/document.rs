use serde_json::{Map, Number, Value};

use super::fault::Mark;

/// A YAML value and where it begins. Aliases and merge keys are already unfolded: what they brought in keeps the place
/// at which it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Boolean(bool),
    /// With the text as written, since `1.10` and `1.1` are one number but two versions.
    Number(Number, Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping, which is always text and given once, and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    pub(super) mark: Mark,
    pub(super) value: Node,
}

/// How much a node holds: what copying it costs, and how deep it goes.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) bytes: usize,
    pub(super) height: usize,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
    }

    /// The items of a list; a value alone counts as a list of one.
    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Boolean(value) => Value::Bool(*value),
            Kind::Number(number, _) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.as_ref().into()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.as_ref().into(), entry.value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// The node that a JSON pointer leads to, or the last one on the way that is there.
    pub(super) fn at_pointer(&self, pointer: &str) -> &Self {
        let mut node = self;
        for token in pointer.split('/').skip(1) {
            let key = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::List(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
                _ => node.get(&key),
            };
            let Some(next) = next else { break };
            node = next;
        }
        node
    }

    pub(super) fn size(&self) -> Size {
        const NODE: usize = size_of::<Node>();
        match &self.kind {
            Kind::Text(text) | Kind::Number(_, text) => Size { bytes: NODE + text.len(), height: 0 },
            Kind::List(items) => Size::around(NODE, items.iter().map(|item| (0, item.size()))),
            Kind::Map(entries) => Size::around(NODE, entries.iter().map(|entry| (entry.key.len(), entry.value.size()))),
            Kind::Null | Kind::Boolean(_) => Size { bytes: NODE, height: 0 },
        }
    }

    /// What the value is, for a message: `the number 1.0`, `a list`, `the text "x"`.
    pub(super) fn described(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".into(),
            Kind::Boolean(value) => format!("the boolean {value}"),
            Kind::Number(_, written) => format!("the number {}", shortened(written)),
            Kind::Text(text) => format!("the text {:?}", shortened(text)),
            Kind::List(items) if items.is_empty() => "an empty list".into(),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a mapping".into(),
        }
    }
}

impl Size {
    fn around(own: usize, parts: impl Iterator<Item = (usize, Self)>) -> Self {
        let start = Self { bytes: own, height: 1 };
        parts.fold(start, |sum, (key, part)| Self {
            bytes: sum.bytes + key + part.bytes,
            height: sum.height.max(part.height + 1),
        })
    }
}

/// A word of the user's, short enough to repeat in a message.
pub(super) fn shortened(text: &str) -> String {
    cut(text, 48)
}

/// The beginning of a text that is longer than `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
