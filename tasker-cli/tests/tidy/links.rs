//! Links from a document to a file of the workspace lead somewhere.

use std::path::Path;

use crate::tree::{Fault, Tree};

pub(crate) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for document in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(&document.text) {
            let Some(path) = local_path(target) else { continue };
            let folder = Path::new(&document.path).parent().unwrap_or(Path::new(""));
            let found = match path.strip_prefix('/') {
                Some(from_root) => tree.root.join(from_root),
                None => tree.root.join(folder).join(path),
            };
            if !found.exists() {
                let rule = format!("`{target}` leads nowhere: a reader who follows it is lost");
                faults.push(document.fault(line, rule));
            }
        }
    }
    faults
}

/// The targets of `[text](target)` and `[name]: target` outside of code, each with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_fence = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        } else if !in_fence {
            links.extend(links_of_line(line).into_iter().map(|target| (number, target)));
        }
    }
    links
}

fn links_of_line(line: &str) -> Vec<&str> {
    if let Some((_, target)) = line.split_once("]: ").filter(|_| line.starts_with('[')) {
        return vec![target];
    }
    // Of pieces between backticks, every second one is code; a link's text may be code, so `](` is looked for alone.
    let mut targets = Vec::new();
    for piece in line.split('`').step_by(2) {
        targets.extend(piece.split("](").skip(1).filter_map(|after| after.split(')').next()));
    }
    targets
}

/// The path of a target without its anchor and title, or nothing when it leads out of the workspace or stays in place.
fn local_path(target: &str) -> Option<&str> {
    let address = target.split_whitespace().next()?.trim_matches(['<', '>']);
    let path = address.split('#').next().filter(|path| !path.is_empty())?;
    let is_elsewhere = path.contains("://") || path.starts_with("mailto:");
    (!is_elsewhere).then_some(path)
}

#[test]
fn links_are_found_outside_of_code() {
    let text = "[a](one.md) ![b](two.png \"t\")\n```\n[c](no.md)\n```\n`[d](no.md)` [`e`](three.md#x)\n[f]: four.md";
    let found: Vec<_> = links(text).into_iter().map(|(line, target)| (line, local_path(target))).collect();
    assert_eq!(found, [(1, Some("one.md")), (1, Some("two.png")), (5, Some("three.md")), (6, Some("four.md"))]);
    assert!(["https://example.com/a", "#here", "mailto:a@b.c"].iter().all(|target| local_path(target).is_none()));
}

#[test]
fn a_link_to_nowhere_is_found() {
    let tree = Tree::of(&[("docs/a.md", "fine\n[gone](gone.md) [out](https://example.com)")]);
    assert_eq!(crate::tree::places(&faults(&tree)), [("docs/a.md", 2)]);
}
