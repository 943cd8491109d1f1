//! House rules that the compiler cannot check, as tests over the files of the workspace.
//!
//! [`words`] has the table of words that must not be named, and where; [`layers`] the arrows between the layers of
//! tasker-core; [`sql`] the twins of the two databases; [`links`] and [`errors`] the documentation; [`packages`] what packages are built of. Each fault names its place, the
//! rule and the reason. A rule that turns out wrong is changed here, in the open, with its reason.

mod errors;
mod layers;
mod links;
mod packages;
mod rust_code;
mod sql;
mod tree;
mod words;

use tree::{Fault, Tree};

const LINES_MAX: usize = 600;

const VAGUE_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "manager", "processor", "service", "services"];

fn demand_none(faults: Vec<Fault>) {
    let list: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    assert!(faults.is_empty(), "{} faults:{list}", faults.len());
}

#[test]
fn forbidden_words_are_absent() {
    demand_none(words::faults(&Tree::of_workspace()));
}

#[test]
fn layers_name_only_the_layers_below() {
    demand_none(layers::faults(&Tree::of_workspace()));
}

#[test]
fn every_statement_has_its_twin_and_is_used() {
    demand_none(sql::faults(&Tree::of_workspace()));
}

#[test]
fn every_error_has_an_entry_in_the_documentation() {
    demand_none(errors::faults(&Tree::of_workspace()));
}

#[test]
fn links_between_documents_resolve() {
    demand_none(links::faults(&Tree::of_workspace()));
}

#[test]
fn files_are_short() {
    demand_none(long_files(&Tree::of_workspace()));
}

#[test]
fn files_have_telling_names() {
    demand_none(vague_names(&Tree::of_workspace()));
}

fn long_files(tree: &Tree) -> Vec<Fault> {
    let too_long = |text: &str| text.lines().count() > LINES_MAX;
    tree.sources()
        .filter(|file| too_long(&file.text))
        .map(|file| file.fault(LINES_MAX + 1, format!("a file has at most {LINES_MAX} lines: split it by purpose")))
        .collect()
}

fn vague_names(tree: &Tree) -> Vec<Fault> {
    let is_vague = |path: &str| path.split(['/', '_', '-', '.']).any(|part| VAGUE_NAMES.contains(&part));
    tree.sources()
        .filter(|file| is_vague(file.path.strip_prefix("tasker-core/src/store/sql/common/").unwrap_or(&file.path)))
        .map(|file| file.fault(1, format!("a name says what is inside; none of {VAGUE_NAMES:?} does")))
        .collect()
}

#[test]
fn the_workspace_is_really_read() {
    let tree = Tree::of_workspace();
    for path in ["tasker-core/src/lib.rs", "tasker-cli/tests/tidy/main.rs", "scripts/with-postgres.sh", ".ci/run"] {
        assert!(tree.files.iter().any(|file| file.path == path), "{path} was not read");
    }
}

#[test]
fn long_files_and_vague_names_are_found() {
    let long = Tree::of(&[("a.rs", &"\n".repeat(LINES_MAX + 1)), ("b.rs", &"\n".repeat(LINES_MAX))]);
    assert_eq!(tree::places(&long_files(&long)), [("a.rs", LINES_MAX + 1)]);
    let vague = Tree::of(&[
        ("a/src/task_manager.rs", ""),
        ("a/tests/common/mod.rs", ""),
        ("a/src/manage.rs", ""),
        ("tasker-core/src/store/sql/common/get.sql", ""),
    ]);
    assert_eq!(tree::places(&vague_names(&vague)), [("a/src/task_manager.rs", 1), ("a/tests/common/mod.rs", 1)]);
}
