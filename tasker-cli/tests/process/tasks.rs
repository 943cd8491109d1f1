//! Tasks from submission to their end, on a SQLite file.

use std::path::Path;

use serde_json::Value;
use tasker_core::events::throwaway::NatsServer;
use tempfile::{TempDir, tempdir};

use crate::command::{Ran, tasker};

const ORDER: &str = "ecommerce/ecommerce_order";

/// A folder with a database in which the order workflow is registered, and no worker.
fn store() -> TempDir {
    let folder = tempdir().expect("a folder");
    assert_eq!(tasker(folder.path(), &["migrate"]).code, 0);
    assert_eq!(tasker(folder.path(), &["template", "register", &example("template.yaml")]).code, 0);
    folder
}

fn example(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ecommerce_order").join(file);
    path.to_str().expect("a path of text").to_owned()
}

fn submit(folder: &Path, more: &[&str]) -> Ran {
    let input = format!("@{}", example("input.json"));
    let arguments = ["task", "submit", ORDER, "-o", "json", "--input", &input];
    tasker(folder, &[&arguments[..], more].concat())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

#[test]
fn a_task_is_submitted_once_a_key_and_found_again() {
    let folder = store();
    let more = ["--idempotency-key", "k1", "--tag", "a", "--set", "items.0.quantity=3", "--priority", "-2"];
    let first = submit(folder.path(), &more);
    let again = submit(folder.path(), &more);
    assert_eq!((first.code, again.code), (0, 0));
    assert_eq!((&first.json()["is_new"], &again.json()["is_new"]), (&true.into(), &false.into()));
    assert_eq!(first.json()["task_uuid"], again.json()["task_uuid"]);

    let other = submit(folder.path(), &[]).json();
    let id = text(&other, "task_uuid");
    let page = tasker(folder.path(), &["task", "list", "--limit", "1", "-o", "json"]).json();
    assert_eq!(page["items"][0]["task_uuid"], id);
    let next = tasker(folder.path(), &["task", "list", "--after", text(&page, "next"), "-o", "json"]).json();
    assert_eq!(next["items"].as_array().map(Vec::len), Some(1));

    let found = tasker(folder.path(), &["task", "get", text(&next["items"][0], "task_uuid"), "-o", "json"]).json();
    assert_eq!((&found["tags"][0], &found["priority"]), (&"a".into(), &(-2).into()));
    assert_eq!(found["context"]["items"][0]["quantity"], 3);
    assert_eq!(found["steps"].as_array().map(Vec::len), Some(6));
}

#[test]
fn the_exit_code_tells_how_a_task_ended() {
    let folder = store();
    let unfinished = submit(folder.path(), &["--wait", "--timeout", "50ms"]);
    assert_eq!((unfinished.code, unfinished.error_code()), (4, "task_not_ended".to_owned()));

    let submitted = submit(folder.path(), &[]).json();
    let id = text(&submitted, "task_uuid");
    let cancel = ["task", "cancel", id, "--reason", "changed my mind", "-o", "json"];
    assert_eq!(tasker(folder.path(), &cancel).json()["status"], "cancelled");
    let again = tasker(folder.path(), &cancel);
    assert_eq!((again.code, again.error_code()), (1, "task_ended".to_owned()));
    let watched = tasker(folder.path(), &["task", "watch", id, "-o", "json"]);
    assert_eq!((watched.code, watched.error_code()), (3, "task_cancelled".to_owned()));
    let kinds: Vec<String> = watched.json_lines().iter().map(|event| text(event, "type").to_owned()).collect();
    assert_eq!(
        (kinds.first().map(String::as_str), kinds.last().map(String::as_str)),
        (Some("task.created"), Some("task.cancelled"))
    );
}

#[test]
fn what_cannot_run_is_refused_with_a_code() {
    let folder = store();
    let refused = submit(folder.path(), &["--set", "items=[]"]);
    assert_eq!((refused.code, refused.error_code()), (1, "input_invalid".to_owned()));
    let input = tasker(folder.path(), &["task", "submit", ORDER, "--input", "{", "-o", "json"]);
    assert_eq!((input.code, input.error_code()), (2, "usage".to_owned()));
    let name = tasker(folder.path(), &["task", "submit", "ecommerce/ecommerce_ordr", "-o", "json"]);
    assert_eq!((name.code, name.error_code()), (1, "template_not_found".to_owned()));
    let id = "01890000-0000-7000-8000-000000000000";
    let unknown = tasker(folder.path(), &["task", "get", id, "-o", "json"]);
    assert_eq!((unknown.code, unknown.error_code()), (1, "task_not_found".to_owned()));
}

#[test]
fn the_demo_runs_every_example_to_its_end() {
    let folder = tempdir().expect("a folder");
    let examples = tasker(folder.path(), &["demo", "--list", "-o", "json"]).json();
    for example in examples["items"].as_array().expect("examples") {
        let ran = tasker(folder.path(), &["demo", "--workflow", text(example, "name"), "-o", "json"]);
        assert_eq!((ran.code, &ran.json()["status"]), (0, &"complete".into()), "{example} {}", ran.stderr);
    }
}

#[test]
fn in_a_pipe_there_are_plain_lines() {
    let folder = tempdir().expect("a folder");
    let ran = tasker(folder.path(), &["demo", "--workflow", "user_registration"]);
    assert_eq!(ran.code, 0);
    assert!(!ran.stdout.contains('\x1b') && !ran.stdout.contains('\r'), "{}", ran.stdout);
    assert!(ran.stdout.lines().filter(|line| line.contains("create_account")).count() >= 2, "{}", ran.stdout);
}

#[test]
fn the_benchmark_follows_events_to_a_subscriber() {
    let folder = tempdir().expect("a folder");
    let ran = tasker(folder.path(), &["bench", "--events", "-o", "json"]);
    assert_eq!((ran.code, ran.error_code().as_str()), (2, "usage"), "no NATS is named");
    let ran = tasker(folder.path(), &["bench", "--events", "--nats", "nats://127.0.0.1:1", "-o", "json"]);
    assert_eq!((ran.code, ran.error_code().as_str()), (1, "nats_unavailable"));
    let Some(nats) = NatsServer::start() else { return };
    let few = ["--tasks", "5", "--latency-tasks", "2", "--rounds", "1", "-o", "json", "--nats"];
    let ran = tasker(folder.path(), &[&["bench", "--events"], &few[..], &[&nats.url()]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let measured = ran.json();
    // 12 events a task, and fewer where steps become ready and are taken in one commit.
    assert!(measured["backlog"]["events"].as_u64().is_some_and(|events| events >= 5 * 10), "{measured}");
    assert!(measured["latency"]["events"].as_u64().is_some_and(|events| events >= 2 * 10), "{measured}");
    for (part, field) in [("beside", "steps_per_s_alone"), ("beside", "steps_per_s"), ("backlog", "events_per_s")] {
        assert!(measured[part][field].as_f64().is_some_and(|rate| rate > 0.0), "{measured}");
    }
    assert!(measured["latency"]["event_ms"]["p50"].as_f64().is_some_and(|time| time > 0.0), "{measured}");
}

#[test]
fn the_benchmark_measures_on_a_file_of_its_own() {
    let folder = tempdir().expect("a folder");
    let few =
        ["bench", "--workload", "diamond", "--tasks", "5", "--latency-tasks", "2", "--finished", "102", "-o", "json"];
    let ran = tasker(folder.path(), &few);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let measured = ran.json();
    assert!(measured["throughput"]["steps_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{measured}");
    assert!(measured["latency"]["end_to_end_ms"]["p50"].as_f64().is_some_and(|time| time > 0.0), "{measured}");
}
