//! Every code of an error has its entry in docs/errors.

use crate::rust_code::test_ranges;
use crate::tree::{Fault, File, Tree};

/// What an error is made with: its code is the first text behind it, within so many characters.
const MAKERS: &[(&str, usize)] =
    &[("Failure::new(", 120), ("ErrorView::new(", 120), ("problem::new(", 120), (" refused(", 1)];

pub(crate) fn faults(tree: &Tree) -> Vec<Fault> {
    let pages = tree.files.iter().filter(|file| file.path.starts_with("docs/errors/"));
    let pages: String = pages.map(|page| page.text.as_str()).collect();
    let has_entry = |code: &str| pages.contains(&format!("\n## {code}\n"));
    let mut faults = Vec::new();
    for file in tree.rust().filter(|file| file.path.contains("/src/")) {
        for (at, code) in codes(file) {
            if !has_entry(code) {
                let rule = format!("the error `{code}` has no entry `## {code}` in docs/errors");
                faults.push(file.fault(file.line_of(at), rule));
            }
        }
    }
    faults
}

/// The codes that a file makes errors with, by their places.
fn codes(file: &File) -> Vec<(usize, &str)> {
    let tests = test_ranges(&file.text, &file.code);
    let mut codes = Vec::new();
    for (maker, near) in MAKERS {
        for (at, _) in file.code.match_indices(maker) {
            codes.extend(text_in(&file.text, at + maker.len(), *near));
        }
    }
    if file.path.ends_with("/error.rs")
        || file.path.ends_with("/config.rs")
        || file.path.ends_with("/coordinator/mod.rs")
    {
        let arms = file.text.match_indices("=> \"").map(|(at, arrow)| at + arrow.len() - 1);
        codes.extend(arms.filter_map(|at| text_in(&file.text, at, 1)));
    }
    codes.retain(|(at, code)| is_code(code) && !tests.iter().any(|range| range.contains(at)));
    codes
}

/// The first text in quotes that begins within so many bytes, with its place.
fn text_in(text: &str, start: usize, within: usize) -> Option<(usize, &str)> {
    let from = start + text.get(start..)?.find('"').filter(|distance| *distance < within)? + 1;
    let length = text[from..].find('"')?;
    Some((from, &text[from..from + length]))
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn a_code_without_an_entry_is_found() {
    let source =
        "fn f() { Failure::new(\"known\", \"text\"); }\nfn g() { problem::new(\n StatusCode::X,\n \"unknown\", a) }";
    let arms = "fn code(&self) { match self {\n Self::A => \"strange\",\n Self::B(_) => \"A message\",\n } }\n#[cfg(test)]\nmod tests { fn f() { g(\"=> \\\"no\") } }";
    let tree = Tree::of(&[
        ("docs/errors/a.md", "# A\n\n## known\n\nText.\n"),
        ("tasker-cli/src/a.rs", source),
        ("tasker-core/src/orchestration/error.rs", arms),
    ]);
    let found = faults(&tree);
    assert_eq!(
        crate::tree::places(&found),
        [("tasker-cli/src/a.rs", 4), ("tasker-core/src/orchestration/error.rs", 2)]
    );
}
