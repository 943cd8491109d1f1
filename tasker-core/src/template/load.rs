use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use super::{
    document::{Entry, Kind, Node, Size, shortened},
    fault::{Fault, FaultCode, Mark, Path},
    scalar::{self, NotFinite},
    syntax,
};
use crate::model::limits;

/// Levels of nesting that a template may have, aliases unfolded.
const DEPTH: usize = 64;
/// Memory that aliases may take together, unfolded.
const ALIAS_BYTES: usize = 8 * limits::TEMPLATE_BYTES;

/// Reads one YAML document into a tree, within a budget of size, depth and aliases.
///
/// The tree is missing only after a fault that ends the reading; the faults are in the order in which they were met.
pub(super) fn load(text: &str) -> (Option<Node>, Vec<Fault>) {
    if text.len() > limits::TEMPLATE_BYTES {
        let message = format!("the file has {} bytes; {} are allowed", text.len(), limits::TEMPLATE_BYTES);
        let remedy = "split the workflow into several templates, or move large data out of it";
        let fault = Fault::new(FaultCode::TooLarge, Mark::START, Path::Top, message, remedy);
        return (None, vec![fault]);
    }
    let mut loader = Loader::default();
    let outcome = loader.read(Parser::new_from_str(text.trim_start_matches('\u{feff}')), text);
    loader.faults.extend(outcome.err());
    (loader.root, loader.faults)
}

#[derive(Default)]
struct Loader {
    faults: Vec<Fault>,
    root: Option<Node>,
    open: Vec<Frame>,
    anchors: HashMap<usize, (Node, Size)>,
    /// Anchors whose value has begun and not ended.
    unfinished: HashSet<usize>,
    alias_bytes: usize,
}

/// A list or mapping that has begun and not ended.
struct Frame {
    anchor: usize,
    mark: Mark,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// Where each key was first given.
    seen: HashMap<Box<str>, Mark>,
    /// What merge keys named, and where they are.
    merged: Vec<(Mark, Node)>,
    key: Option<Key>,
}

/// The key whose value comes next.
enum Key {
    Text(Box<str>, Mark),
    Merge(Mark),
    /// Already reported; its value is read and dropped.
    Refused,
}

impl Loader {
    /// `Err` is the fault after which nothing more can be read.
    fn read(&mut self, mut parser: Parser<'_, StrInput<'_>>, text: &str) -> Result<(), Fault> {
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| syntax::fault(&error, text))?;
            self.take(event, span)?;
        }
        if self.root.as_ref().is_none_or(Node::is_null) {
            self.root = None;
            let remedy = "write a template: name, namespace, version and steps";
            let message = "the file has no content".to_owned();
            return Err(Fault::new(FaultCode::EmptyFile, Mark::START, Path::Top, message, remedy));
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let mark = mark(span.start);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                self.root = None;
                let message = "a second document begins here".to_owned();
                let remedy = "keep one template in each file";
                Err(Fault::new(FaultCode::SeveralDocuments, mark, Path::Top, message, remedy))
            }
            Event::Alias(anchor) => {
                let node = self.unfold(anchor, mark)?;
                match node.text() {
                    Some(text) if self.awaits_key() => self.key(text, ScalarStyle::DoubleQuoted, mark),
                    _ => self.place(node),
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), mark);
                self.scalar(&text, style, anchor, mark)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), mark);
                self.begin(anchor, mark, Body::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), mark);
                self.begin(anchor, mark, Body::Map(OpenMap::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, mark: Mark, body: Body) -> Result<(), Fault> {
        if self.open.len() >= DEPTH {
            return Err(self.too_deep(mark));
        }
        self.unfinished.insert(anchor);
        self.open.push(Frame { anchor, mark, body });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(Frame { anchor, mark, body }) = self.open.pop() else { return Ok(()) };
        let kind = match body {
            Body::List(items) => Kind::List(items),
            Body::Map(map) => Kind::Map(self.merge(map)),
        };
        let node = Node { mark, kind };
        self.keep(anchor, &node)?;
        self.place(node);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, mark: Mark) -> Result<(), Fault> {
        if self.awaits_key() {
            self.key(text, style, mark);
            return self.keep(anchor, &Node { mark, kind: Kind::Text(text.into()) });
        }
        let kind = match style {
            ScalarStyle::Plain => scalar::plain(text),
            _ => Ok(Kind::Text(text.into())),
        };
        let kind = kind.unwrap_or_else(|NotFinite| {
            let message = format!("`{}` is a number that JSON cannot hold", shortened(text));
            self.report(FaultCode::BadNumber, mark, message, "write a finite number of at most 64 bits, or quote it");
            Kind::Null
        });
        let node = Node { mark, kind };
        self.keep(anchor, &node)?;
        self.place(node);
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame { body: Body::Map(OpenMap { key: None, .. }), .. }))
    }

    fn key(&mut self, text: &str, style: ScalarStyle, mark: Mark) {
        let plain = style == ScalarStyle::Plain;
        let new_key = if plain && text.is_empty() {
            self.report(FaultCode::BadKey, mark, "a key is missing before the colon", "write a name, then `: `");
            Key::Refused
        } else if plain && text == "<<" {
            Key::Merge(mark)
        } else {
            Key::Text(text.into(), mark)
        };
        let Some(Frame { body: Body::Map(OpenMap { key, seen, .. }), .. }) = self.open.last_mut() else { return };
        let first = match &new_key {
            Key::Text(text, _) => seen.get(text).copied(),
            _ => None,
        };
        seen.entry(text.into()).or_insert(mark);
        *key = Some(new_key);
        if let Some(first) = first {
            let message = format!("the key `{}` is already on line {} of this mapping", shortened(text), first.line);
            self.report(FaultCode::DuplicateKey, mark, message, "keep one of the two");
            self.drop_value();
        }
    }

    /// Forgets the key whose value comes next, and so that value.
    fn drop_value(&mut self) {
        if let Some(Frame { body: Body::Map(OpenMap { key, .. }), .. }) = self.open.last_mut() {
            *key = Some(Key::Refused);
        }
    }

    /// Puts a finished node where it belongs: into the open list or mapping, or at the top.
    fn place(&mut self, node: Node) {
        let mark = node.mark;
        match self.open.last_mut().map(|frame| &mut frame.body) {
            None => self.root = Some(node),
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map(OpenMap { entries, merged, key, .. })) => match key.take() {
                Some(Key::Text(key, mark)) => entries.push(Entry { key, mark, value: node }),
                Some(Key::Merge(mark)) => merged.push((mark, node)),
                Some(Key::Refused) => {}
                None => {
                    let message = format!("a key has to be text, but is {}", node.described());
                    self.drop_value();
                    let remedy = "write a name; quote it if it has brackets or braces";
                    self.report(FaultCode::BadKey, mark, message, remedy);
                }
            },
        }
    }

    /// The mapping with what its merge keys bring; what it says itself comes first, then the earlier of the merged.
    fn merge(&mut self, map: OpenMap) -> Vec<Entry> {
        let OpenMap { mut entries, mut seen, merged, .. } = map;
        let sources = merged.iter().flat_map(|(mark, node)| node.items().iter().map(move |item| (*mark, item)));
        for (mark, source) in sources {
            let Kind::Map(brought) = &source.kind else {
                let message = format!("`<<` merges mappings, but this is {}", source.described());
                self.report(FaultCode::BadMerge, mark, message, "name a mapping: `<<: *anchor_of_a_mapping`");
                continue;
            };
            let new = brought.iter().filter(|entry| seen.insert(entry.key.clone(), entry.mark).is_none());
            entries.extend(new.cloned());
        }
        entries
    }

    fn keep(&mut self, anchor: usize, node: &Node) -> Result<(), Fault> {
        // The parser numbers anchors from 1; 0 is a node without one.
        if anchor != 0 {
            let size = node.size();
            self.spend(size, node.mark)?;
            self.unfinished.remove(&anchor);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(())
    }

    fn unfold(&mut self, anchor: usize, mark: Mark) -> Result<Node, Fault> {
        if self.unfinished.contains(&anchor) {
            let message = "the alias stands within the value that it names".to_owned();
            let remedy = "write the value out instead of the alias";
            return Err(Fault::new(FaultCode::AliasToItself, mark, self.path(), message, remedy));
        }
        let Some((_, size)) = self.anchors.get(&anchor) else { return Ok(Node { mark, kind: Kind::Null }) };
        let size = *size;
        if self.open.len() + size.height > DEPTH {
            return Err(self.too_deep(mark));
        }
        self.spend(size, mark)?;
        Ok(self.anchors[&anchor].0.clone())
    }

    fn spend(&mut self, size: Size, mark: Mark) -> Result<(), Fault> {
        self.alias_bytes += size.bytes;
        if self.alias_bytes <= ALIAS_BYTES {
            return Ok(());
        }
        let message = format!("anchors and aliases unfold to more than {} KiB", ALIAS_BYTES / 1024);
        let remedy = "repeat less, or write the values out";
        Err(Fault::new(FaultCode::AliasesTooLarge, mark, self.path(), message, remedy))
    }

    fn too_deep(&self, mark: Mark) -> Fault {
        let message = format!("nested more than {DEPTH} levels deep");
        Fault::new(FaultCode::TooDeep, mark, self.path(), message, "flatten the lists and mappings around this place")
    }

    fn refuse_tag(&mut self, tag: Option<&saphyr_parser::Tag>, mark: Mark) {
        if let Some(tag) = tag {
            let short = tag.to_string().replace("tag:yaml.org,2002:!", "!!");
            let message = format!("the tag `{}` is not allowed", shortened(&short));
            self.report(FaultCode::TagRefused, mark, message, "remove the tag; quote the value if text is meant");
        }
    }

    fn report(&mut self, code: FaultCode, mark: Mark, message: impl Into<String>, remedy: &str) {
        let fault = Fault::new(code, mark, self.path(), message, remedy);
        self.faults.push(fault);
    }

    /// Where the reading stands, as it is written in a fault's path.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.open {
            match &frame.body {
                Body::List(items) => path.push_str(&format!("[{}]", items.len())),
                Body::Map(OpenMap { key: Some(Key::Text(text, _)), .. }) => {
                    let dot = if path.is_empty() { "" } else { "." };
                    path.push_str(&format!("{dot}{text}"));
                }
                Body::Map(_) => {}
            }
        }
        path
    }
}

/// The parser counts lines from 1 and columns from 0.
pub(super) fn mark(marker: Marker) -> Mark {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Mark { line: number(marker.line().max(1)), column: number(marker.col() + 1) }
}
