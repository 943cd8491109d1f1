//! The allowed arrows between the layers of tasker-core, as ARCHITECTURE.md draws them.

use crate::rust_code::{is_whole_word, is_word};
use crate::tree::{Fault, Tree};

/// Each layer with the layers that it may name.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("template", &["model"]),
    ("dag", &["model", "template"]),
    ("state", &["model", "template", "dag"]),
    ("store", &["model", "template", "dag", "state"]),
    ("orchestration", &["model", "template", "dag", "state", "store"]),
    ("view", &["model", "template", "dag", "state", "store", "orchestration"]),
    ("events", &["model", "dag", "store", "orchestration", "view"]),
    ("api", &["model", "template", "dag", "state", "events", "orchestration", "view"]),
];

pub(crate) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in tree.rust() {
        let Some(module) = Module::of(&file.path).filter(|module| module.layer != "lib") else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == module.layer) else {
            faults.push(file.fault(1, format!("`{}` is no layer: add it to ARCHITECTURE.md and here", module.layer)));
            continue;
        };
        for (offset, named) in names_at_root(&file.code, module.depth) {
            if named != module.layer && !allowed.contains(&named) {
                let rule = format!("`{}` names `{named}` and may name only {allowed:?}", module.layer);
                let why = "a layer knows nothing of those above it, and names each layer by its own path";
                faults.push(file.fault(file.line_of(offset), format!("{rule}: {why}")));
            }
        }
    }
    faults
}

/// A module of tasker-core by the first name of its path, and how many names its path has.
struct Module<'a> {
    layer: &'a str,
    depth: usize,
}

impl<'a> Module<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let inside = path.strip_prefix("tasker-core/src/")?.strip_suffix(".rs")?;
        let module = inside.strip_suffix("/mod").unwrap_or(inside);
        let layer = module.split('/').next()?;
        Some(Self { layer, depth: module.split('/').count() })
    }
}

/// What is named at the crate's root, with its offset: `a` and `b` in `crate::a`, `use crate::{a::x, b}`, and layers
/// reached through a chain of `super` as long as the module is deep.
fn names_at_root(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    for (at, word) in code.match_indices("crate::") {
        if is_whole_word(code, at, word) {
            names.extend(first_names(code, at + word.len()));
        }
    }
    for (at, word) in code.match_indices("super::") {
        let chain = code[at..].split(word).take_while(|between| between.is_empty()).count();
        let is_start = !code[..at].ends_with(word) && is_whole_word(code, at, word);
        if is_start && chain >= depth {
            let reached = first_names(code, at + chain * word.len());
            names.extend(reached.into_iter().filter(|(_, name)| LAYERS.iter().any(|(layer, _)| layer == name)));
        }
    }
    names
}

/// The first name of each path at `start`: one, or all those of a group in braces.
fn first_names(code: &str, start: usize) -> Vec<(usize, &str)> {
    let name_at = |at: usize| {
        let length = code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at).max(1);
        (at, code.get(at..at + length).unwrap_or_default())
    };
    if !code[start..].starts_with('{') {
        return vec![name_at(start)];
    }
    let (mut names, mut depth, mut expected) = (Vec::new(), 0, false);
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' => (depth, expected) = (depth + 1, depth == 0),
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' => expected = depth == 1,
            _ if expected && !c.is_whitespace() => {
                names.push(name_at(start + at));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn arrows_that_point_up_are_found() {
    let tree = Tree::of(&[
        ("tasker-core/src/lib.rs", "pub use crate::store::Store;"),
        ("tasker-core/src/model/id.rs", "use crate::model::Json;\nuse super::Time;\n// crate::store"),
        ("tasker-core/src/dag/mod.rs", "use crate::{\n  model::{Id, store},\n  template,\n  state::decide,\n};"),
        ("tasker-core/src/dag/plan.rs", "fn a() { super::super::state::decide() }\nuse super::state;"),
        ("tasker-core/src/api/tasks.rs", "use crate::orchestration;\nuse crate::store::Store;"),
        ("tasker-core/src/events/relay.rs", "use crate::Store;"),
        ("tasker-core/src/drawer/mod.rs", ""),
        ("tasker-worker/src/lib.rs", "use crate::store;"),
    ]);
    let expected = [
        ("tasker-core/src/dag/mod.rs", 4),
        ("tasker-core/src/dag/plan.rs", 1),
        ("tasker-core/src/api/tasks.rs", 2),
        ("tasker-core/src/events/relay.rs", 1),
        ("tasker-core/src/drawer/mod.rs", 1),
    ];
    assert_eq!(crate::tree::places(&faults(&tree)), expected);
}
