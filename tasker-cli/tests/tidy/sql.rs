//! The statements of the two databases: one file each, with the same names, and every one in use.

use crate::tree::{Fault, File, Tree};

const STATEMENTS: &str = "tasker-core/src/store/sql";
const INCLUDING: [&str; 2] = ["include_str!", "statements!"];
const MIGRATIONS: &str = "migrations";
const DIALECTS: [(&str, &str); 2] = [("postgres", "sqlite"), ("sqlite", "postgres")];

pub(crate) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = without_twin(tree, STATEMENTS);
    faults.extend(without_twin(tree, MIGRATIONS));
    faults.extend(unused(tree));
    faults
}

fn without_twin(tree: &Tree, folder: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (dialect, other) in DIALECTS {
        let prefix = format!("{folder}/{dialect}/");
        for file in tree.sources() {
            let Some(name) = file.path.strip_prefix(&prefix) else { continue };
            let twin = format!("{folder}/{other}/{name}");
            let has_twin = tree.files.iter().any(|file| file.path == twin);
            match (has_twin, says_only(file, dialect)) {
                (false, false) => faults.push(file.fault(
                    1,
                    format!("{twin} is missing: both databases do the same, or line 1 says `-- Only {dialect}: why`"),
                )),
                (true, true) => {
                    faults.push(file.fault(1, format!("line 1 says that only {dialect} needs it, and {twin} exists")));
                }
                _ => {}
            }
        }
    }
    faults
}

fn says_only(file: &File, dialect: &str) -> bool {
    let first = file.text.lines().next().unwrap_or_default();
    first.strip_prefix(&format!("-- Only {dialect}:")).is_some_and(|why| !why.trim().is_empty())
}

/// A statement is in use when a Rust file that includes files spells its folder and name, or its bare name for a macro
/// (`statements!`) to complete.
fn unused(tree: &Tree) -> Vec<Fault> {
    let including: Vec<&File> =
        tree.rust().filter(|file| INCLUDING.iter().any(|word| file.code.contains(word))).collect();
    let is_used = |path: &str| {
        let in_folder = path.strip_prefix(STATEMENTS).unwrap_or(path);
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".sql")).unwrap_or(path);
        let bare = format!("\"{stem}\"");
        including.iter().any(|file| file.text.contains(in_folder) || file.text.contains(&bare))
    };
    tree.sources()
        .filter(|file| file.path.starts_with(STATEMENTS) && file.path.ends_with(".sql") && !is_used(&file.path))
        .map(|file| file.fault(1, "nothing includes this statement: use it or remove it"))
        .collect()
}

#[test]
fn missing_twins_and_unused_statements_are_found() {
    let tree = Tree::of(&[
        ("tasker-core/src/store/sql/postgres/claim.sql", "select 1"),
        ("tasker-core/src/store/sql/sqlite/claim.sql", "select 1"),
        ("tasker-core/src/store/sql/postgres/notify.sql", "-- Only postgres: one process needs no wake-up\nselect 1"),
        ("tasker-core/src/store/sql/postgres/stale.sql", "-- Only postgres: it was so once\nselect 1"),
        ("tasker-core/src/store/sql/sqlite/stale.sql", "select 1"),
        ("tasker-core/src/store/sql/sqlite/alone.sql", "-- Only sqlite:\nselect 1"),
        ("tasker-core/src/store/sql/common/lost.sql", "select 1"),
        ("migrations/postgres/0001_begin.sql", "select 1"),
        (
            "tasker-core/src/store/postgres.rs",
            "include_str!(\"../sql/postgres/claim.sql\"); sql!(\"stale\"); sql!(\"notify\"); sql!(\"alone\");",
        ),
        ("tasker-core/src/store/sqlite.rs", "statements! { CLAIM = \"claim\" }"),
        ("tasker-core/src/store/other.rs", "sql!(\"lost\")"),
    ]);
    let expected = [
        ("tasker-core/src/store/sql/postgres/stale.sql", 1),
        ("tasker-core/src/store/sql/sqlite/alone.sql", 1),
        ("migrations/postgres/0001_begin.sql", 1),
        ("tasker-core/src/store/sql/common/lost.sql", 1),
    ];
    assert_eq!(crate::tree::places(&faults(&tree)), expected);
}
