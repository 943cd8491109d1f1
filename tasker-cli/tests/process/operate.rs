//! What operators do: on a SQLite file, on PostgreSQL where there is one, and over a server, always with the same answers.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::tempdir;

use crate::{
    command::{Ran, tasker},
    database::{Database, postgres},
    server::{Server, template},
};

/// A place where tasks are, as the command line names it.
pub(crate) struct Place<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) at: [&'a str; 2],
}

impl Place<'_> {
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        tasker(self.folder, &[arguments, &self.at, &["-o", "json"]].concat())
    }

    /// The document that a command answers with.
    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?} at {:?}: {}", self.at, ran.stderr);
        ran.json()
    }

    /// The code of the error that a command ends with.
    fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?} at {:?}: {}", self.at, ran.stdout);
        ran.error_code()
    }

    fn submit(&self, more: &[&str]) -> String {
        text(&self.json(&[&["task", "submit", "test/pair"], more].concat()), "task_uuid")
    }

    /// The step of this name.
    pub(crate) fn step(&self, id: &str, name: &str) -> Value {
        let task = self.json(&["task", "get", id]);
        let mut steps = task["steps"].as_array().expect("steps").iter();
        steps.find(|step| step["name"] == name).expect("the step").clone()
    }
}

/// Does the same in every place.
pub(crate) fn everywhere(mut test: impl FnMut(&Place<'_>)) {
    let folder = tempdir().expect("a folder");
    let folder = folder.path();
    let yaml = template("pair", &[("a", &[]), ("b", &["a"])]);
    fs::write(folder.join("pair.yaml"), &yaml).expect("written");
    let database = postgres().map(|server| Database::create(&server));
    let stores = ["sqlite:file.db"].into_iter().chain(database.as_ref().map(|database| database.url.as_str()));
    for store in stores {
        assert_eq!(tasker(folder, &["migrate", "--store", store]).code, 0);
        assert_eq!(tasker(folder, &["template", "register", "pair.yaml", "--store", store]).code, 0);
        test(&Place { folder, at: ["--store", store] });
    }
    let server = Server::start(folder, "sqlite:server.db", "127.0.0.1:0", &[]);
    let over_http = Place { folder, at: ["--api", &server.url] };
    over_http.json(&["template", "register", "pair.yaml"]);
    test(&over_http);
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}")).to_owned()
}

#[test]
fn a_task_is_steered_and_its_history_says_who_and_why() {
    everywhere(|place| {
        let id = place.submit(&[]);
        assert_eq!(place.json(&["task", "pause", &id, "--by", "ada", "--reason", "lunch"])["status"], "paused");
        assert_eq!(place.refused(&["task", "pause", &id]), "task_unfit");
        assert_eq!(place.json(&["task", "resume", &id, "--by", "ada"])["status"], "pending");
        assert_eq!(place.json(&["task", "priority", &id, "--to", "-3"])["priority"], -3);
        assert_eq!(place.refused(&["task", "retry", &id]), "nothing_failed");
        assert_eq!(place.refused(&["task", "resolve", &id, "--step", "c"]), "step_not_found");
        let history = place.run(&["task", "history", &id]).json_lines();
        let paused = history.iter().find(|event| event["type"] == "task.paused").expect("it was paused");
        assert_eq!((&paused["by"], &paused["reason"]), (&"ada".into(), &"lunch".into()));

        place.json(&["task", "resolve", &id, "--step", "a", "--result", r#"{"given": "by hand"}"#]);
        assert_eq!(place.step(&id, "a")["current_state"], "resolved_manually");
        assert_eq!(place.step(&id, "a")["results"]["given"], "by hand");
        let ended = place.json(&["task", "resolve", &id, "--step", "b", "--result", "7", "--complete"]);
        assert_eq!((&ended["status"], &ended["completion_percentage"]), (&"complete".into(), &100.0.into()));
        assert_eq!(place.refused(&["task", "cancel", &id]), "task_ended");
        assert_eq!(place.json(&["task", "wait", &id])["status"], "complete");
        let again = place.json(&["task", "rerun", &id]);
        assert_ne!(text(&again, "task_uuid"), id);
        assert_eq!(again["status"], "pending");
    });
}

#[test]
fn many_tasks_are_steered_at_once_after_a_dry_run() {
    everywhere(|place| {
        let tagged = [place.submit(&["--tag", "old"]), place.submit(&["--tag", "old"])];
        let other = place.submit(&[]);
        let filter = ["task", "cancel", "--with-tag", "old", "--state", "pending"];
        let foreseen = place.json(&[&filter[..], &["--dry-run"]].concat());
        assert_eq!((&foreseen["matched"], &foreseen["done"]), (&2.into(), &2.into()));
        assert_eq!(place.json(&["task", "get", &tagged[0]])["status"], "pending", "nothing was done");
        assert_eq!(place.json(&filter)["done"], 2);
        assert_eq!(place.json(&["task", "get", &tagged[1]])["status"], "cancelled");
        let both = place.run(&["task", "pause", &tagged[0], &other]);
        assert_eq!((both.code, both.error_code().as_str()), (1, "partly_refused"));
        assert_eq!((&both.json()["done"], &both.json()["refused"]), (&1.into(), &1.into()));
        let ended = place.run(&["task", "wait", &tagged[0]]);
        assert_eq!((ended.code, ended.error_code().as_str()), (3, "task_cancelled"));
    });
}

#[test]
fn a_task_is_run_again_from_a_step_with_another_result() {
    everywhere(|place| {
        let id = place.submit(&[]);
        assert_eq!(place.refused(&["task", "rerun", &id, "--from-step", "b"]), "task_unfit");
        place.json(&["task", "resolve", &id, "--step", "a", "--result", r#"{"by": "hand"}"#]);
        place.json(&["task", "resolve", &id, "--step", "b", "--result", "7", "--complete"]);
        let again = place.json(&["task", "rerun", &id, "--from-step", "b", "--set", "note=again", "--by", "ada"]);
        assert_eq!((text(&again, "rerun_of"), &again["context"]["note"]), (id.clone(), &"again".into()));
        let new = text(&again, "task_uuid");
        assert_eq!(place.step(&new, "a")["results"]["by"], "hand");
        assert_eq!(place.step(&new, "b")["current_state"], "enqueued");
        let given = place.json(&["task", "rerun", &id, "--from-step", "b", "--set-result", r#"a={"by": "ada"}"#]);
        assert_eq!(place.step(&text(&given, "task_uuid"), "a")["results"]["by"], "ada");
        assert_eq!(place.refused(&["task", "rerun", &id, "--from-step", "c"]), "step_not_found");
        let unfit = place.run(&["task", "rerun", &id, "--set-result", "a=1"]);
        assert_eq!((unfit.code, unfit.error_code().as_str()), (2, "usage"));
    });
}

#[test]
fn a_task_that_is_closed_by_hand_is_watched_to_its_end() {
    everywhere(|place| {
        let id = place.submit(&[]);
        place.json(&["task", "resolve", &id, "--whole"]);
        let watched = place.run(&["task", "watch", &id, "--timeout", "60s"]);
        let last = watched.json_lines().pop().expect("events");
        assert_eq!((watched.code, &last["type"]), (0, &"task.resolved_manually".into()), "{}", watched.stderr);
    });
}

#[test]
fn a_sub_workflow_is_shown_under_its_step_and_names_its_parent() {
    let parent = "name: parent\nnamespace: test\nversion: 1.0.0\nsteps:\n  - {name: first, handler: {callable: h}}\n  \
                  - {name: inner, type: workflow, workflow: {name: pair}, dependencies: [first]}\n";
    everywhere(|place| {
        fs::write(place.folder.join("parent.yaml"), parent).expect("written");
        place.json(&["template", "register", "parent.yaml"]);
        let id = text(&place.json(&["task", "submit", "test/parent"]), "task_uuid");
        place.json(&["task", "resolve", &id, "--step", "first"]);
        let child_id = text(&place.step(&id, "inner"), "child_uuid");
        let child = place.json(&["task", "get", &child_id]);
        assert_eq!((text(&child["parent"], "task_uuid"), text(&child, "root_uuid")), (id.clone(), id.clone()));
        assert_eq!(child["parent"]["step"], "inner");
        let shown = tasker(place.folder, &["task", "get", &id, place.at[0], place.at[1]]).stdout;
        let steps = shown.lines().filter(|line| line.starts_with("    ") && line.contains("pending")).count();
        assert_eq!(steps, 1, "the second step of the pair, further in:\n{shown}");
    });
}

#[test]
fn a_task_that_does_not_move_says_why() {
    let folder = tempdir().expect("a folder");
    let place = Place { folder: folder.path(), at: ["--store", "sqlite:file.db"] };
    fs::write(folder.path().join("pair.yaml"), template("pair", &[("a", &[]), ("b", &["a"])])).expect("written");
    assert_eq!(tasker(folder.path(), &["migrate", "--store", "sqlite:file.db"]).code, 0);
    place.json(&["template", "register", "pair.yaml"]);
    let id = place.submit(&[]);
    let why = place.json(&["task", "why", &id]);
    let reasons: Vec<_> = why["steps"].as_array().expect("steps").iter().map(|step| text(step, "reason")).collect();
    assert_eq!(reasons, ["no_worker", "unmet_dependencies"]);
    let stats = place.json(&["stats"]);
    assert_eq!((&stats["tasks"]["pending"], &stats["queues"][0]["steps"]), (&1.into(), &1.into()));
    assert_eq!(place.json(&["worker", "list"])["items"], Value::Array(Vec::new()));
    let doctor = place.run(&["doctor"]);
    assert_eq!((doctor.code, doctor.error_code().as_str()), (1, "unhealthy"));
    assert_eq!(doctor.json()["findings"][0]["code"], "no_workers");
    place.json(&["task", "cancel", &id]);
    assert_eq!(place.json(&["doctor"])["findings"], Value::Array(Vec::new()));
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let folder = tempdir().expect("a folder");
    let place = Place { folder: folder.path(), at: ["--store", "sqlite:file.db"] };
    assert_eq!(tasker(folder.path(), &["migrate", "--store", "sqlite:file.db"]).code, 0);
    let created =
        place.json(&["key", "create", "deploy", "--allow", "read,submit", "--in", "shop", "--lifetime", "1h"]);
    let (secret, key) = (text(&created, "secret"), &created["key"]);
    assert!(secret.starts_with(&text(key, "prefix")));
    let listed = place.run(&["key", "list"]);
    assert!(!listed.stdout.contains(&secret), "the secret is shown once");
    assert_eq!(listed.json()["items"][0]["permissions"], key["permissions"]);
    place.json(&["key", "revoke", &text(key, "prefix")]);
    assert_eq!(place.refused(&["key", "revoke", &text(key, "key_id")]), "key_not_found");
    let unknown = place.run(&["key", "create", "x", "--allow", "everything"]);
    assert_eq!((unknown.code, unknown.error_code().as_str()), (2, "usage"));
}

#[test]
fn templates_are_compared_and_errors_explained() {
    let folder = tempdir().expect("a folder");
    let old = template("pair", &[("a", &[]), ("b", &["a"])]);
    fs::write(folder.path().join("old.yaml"), &old).expect("written");
    fs::write(folder.path().join("new.yaml"), template("pair", &[("a", &[]), ("c", &["a"])])).expect("written");
    let diff = tasker(folder.path(), &["template", "diff", "old.yaml", "new.yaml", "-o", "json"]).json();
    let changes = diff["changes"].as_array().expect("changes").iter();
    let changes: Vec<_> = changes.map(|change| format!("{} {}", text(change, "kind"), text(change, "path"))).collect();
    assert_eq!(changes, ["removed steps.b", "added steps.c"]);
    let explained = tasker(folder.path(), &["explain", "task_ended", "-o", "json"]).json();
    assert_eq!(explained["page"], "tasks");
    assert_eq!(tasker(folder.path(), &["explain", "nonsense", "-o", "json"]).code, 2);
}

#[test]
fn a_server_that_is_not_there_is_an_error_with_a_remedy() {
    let folder = tempdir().expect("a folder");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let url = format!("http://127.0.0.1:{port}");
    for (arguments, code, error) in [
        (vec!["task", "list", "--api", &url], 1, "server_unreachable"),
        (vec!["task", "list", "--api", "127.0.0.1:80"], 1, "api_url_invalid"),
        (vec!["task", "list", "--api", &url, "--store", "sqlite:a.db"], 2, "usage"),
        (vec!["doctor", "--api", &url], 2, "usage"),
        (vec!["task", "cancel"], 2, "usage"),
    ] {
        let ran = tasker(folder.path(), &[&arguments[..], &["-o", "json"]].concat());
        assert_eq!((ran.code, ran.error_code().as_str()), (code, error), "{arguments:?}");
    }
}
