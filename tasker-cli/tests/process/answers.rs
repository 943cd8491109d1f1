//! Commands that need no worker.

use std::{fs, path::Path};

use tempfile::tempdir;

use crate::command::{tasker, tasker_with_stdin};

const TEMPLATE: &str = "
name: order
namespace: shop
version: 1.0.0
steps:
  - {name: a, handler: {callable: h}}
  - {name: b, handler: {callable: h}, dependencies: [a]}
";

#[test]
fn every_fault_of_every_file_is_reported_with_its_place() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("good.yaml"), TEMPLATE).expect("written");
    fs::write(folder.path().join("cycle.yaml"), TEMPLATE.replace("callable: h}}", "callable: h}, dependencies: [b]}"))
        .expect("written");
    fs::write(folder.path().join("names.yml"), TEMPLATE.replace("version: 1.0.0", "version: one\ncolour: red"))
        .expect("written");
    let ran = tasker(folder.path(), &["template", "lint", ".", "-o", "json"]);
    assert_eq!((ran.code, ran.error_code()), (1, "template_invalid".to_owned()));
    let linted = ran.json();
    let found: Vec<String> = linted["files"]
        .as_array()
        .expect("files")
        .iter()
        .flat_map(|file| file["faults"].as_array().expect("faults"))
        .map(|fault| format!("{} {}", fault["code"].as_str().expect("a code"), fault["line"]))
        .collect();
    assert_eq!(found, ["dependency_cycle 6", "bad_version 4", "unknown_field 5"]);
    assert_eq!(linted["faults"], 3);

    let good = tasker_with_stdin(folder.path(), &["template", "lint", "-", "-o", "json"], TEMPLATE);
    assert_eq!((good.code, &good.json()["files"][0]["template"]["steps"]), (0, &2.into()));
}

#[test]
fn the_canonical_form_of_a_template_is_a_template() {
    let folder = tempdir().expect("a folder");
    let shown = tasker_with_stdin(folder.path(), &["template", "show", "-"], TEMPLATE);
    let again = tasker_with_stdin(folder.path(), &["template", "show", "-"], &shown.stdout);
    assert_eq!((shown.code, &shown.stdout), (0, &again.stdout));
    for format in ["text", "mermaid"] {
        let graph = tasker_with_stdin(folder.path(), &["template", "graph", "-", "--format", format], TEMPLATE);
        assert_eq!((graph.code, graph.stdout.is_empty()), (0, false), "{format}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_a_wrong_world_with_1() {
    let folder = tempdir().expect("a folder");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["tusk"], 2, "usage"),
        (&["task", "get", "42"], 2, "usage"),
        (&["task", "submit", "no_namespace"], 2, "usage"),
        (&["task", "list", "--state", "finished"], 2, "usage"),
        (&["demo", "--workflow", "nothing"], 2, "usage"),
        (&["task", "list", "--log", "a=b=c"], 2, "usage"),
        (&["task", "list"], 1, "database_missing"),
        (&["task", "list", "--store", "mysql://db/x"], 1, "database_url_invalid"),
        (&["task", "list", "--store", "sqlite::memory:"], 1, "schema_mismatch"),
        (&["template", "lint", "nowhere.yaml"], 1, "file_unreadable"),
        (&["migrate", "--check"], 1, "schema_mismatch"),
    ];
    for (arguments, code, error_code) in cases {
        let ran = tasker(folder.path(), &[arguments, &["-o", "json"][..]].concat());
        assert_eq!((ran.code, ran.error_code().as_str()), (*code, *error_code), "{arguments:?}");
    }
    assert!(!Path::exists(&folder.path().join("tasker.db")), "to look at a database does not make one");
}

#[test]
fn a_password_is_not_printed() {
    let folder = tempdir().expect("a folder");
    let url = "postgres://tasker:hunter2@127.0.0.1:99999/none";
    for format in ["human", "json"] {
        let ran = tasker(folder.path(), &["task", "list", "--store", url, "-o", format]);
        assert_eq!(ran.code, 1);
        assert!(!ran.stderr.contains("hunter2") && !ran.stdout.contains("hunter2"), "{}", ran.stderr);
    }
}

#[test]
fn settings_come_from_the_file_where_nothing_else_names_them() {
    let folder = tempdir().expect("a folder");
    fs::write(folder.path().join("tasker.toml"), "store = 'sqlite:mine.db'").expect("written");
    assert_eq!(tasker(folder.path(), &["migrate"]).code, 0);
    assert!(folder.path().join("mine.db").exists());
    assert_eq!(tasker(folder.path(), &["migrate", "--check"]).code, 0);
    fs::write(folder.path().join("tasker.toml"), "stor = 'sqlite:mine.db'").expect("written");
    let ran = tasker(folder.path(), &["migrate", "-o", "json"]);
    assert_eq!((ran.code, ran.error_code()), (1, "settings_invalid".to_owned()));
}

#[test]
fn schemas_and_completions_are_printed() {
    let folder = tempdir().expect("a folder");
    for subject in ["template", "protocol"] {
        let ran = tasker(folder.path(), &["schema", subject]);
        assert_eq!((ran.code, ran.json().is_object()), (0, true), "{subject}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = tasker(folder.path(), &["completions", shell]);
        assert_eq!((ran.code, ran.stdout.contains("tasker")), (0, true), "{shell}");
    }
}
