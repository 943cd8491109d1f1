//! Following everything: over HTTP, on the store itself, and again after a stop; and removing what is old.

use serde_json::{Value, json};

use super::Home;
use crate::command::{Ran, tasker};

const TEMPLATE: &str = "
name: alone
namespace: shop
version: 1.0.0
steps: [{name: work, handler: {callable: nobody_has_it}}]
";

fn run(home: &Home, words: &[&str]) -> Ran {
    tasker(home.folder.path(), &[words, &["-o", "json"]].concat())
}

fn submit(home: &Home, key: &str) -> String {
    let words = ["task", "submit", "shop/alone", "-i", "{}", "--idempotency-key", key, "--store", &home.store];
    run(home, &words).json()["task_uuid"].as_str().expect("an id").to_owned()
}

fn prepared() -> Home {
    let home = Home::new();
    std::fs::write(home.folder.path().join("alone.yaml"), TEMPLATE).expect("a file");
    assert_eq!(run(&home, &["migrate", "--store", &home.store]).code, 0);
    assert_eq!(run(&home, &["template", "register", "alone.yaml", "--store", &home.store]).code, 0);
    home
}

fn tasks(ran: &Ran) -> Vec<String> {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.json_lines().iter().map(|event| event["task_uuid"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_subscription_goes_on_where_it_is_done() {
    let home = prepared();
    let server = home.start();
    let ids = ["a", "b", "c"].map(|key| submit(&home, key));
    let tail = |count: &str, place: &[&str]| {
        let words = ["events", "tail", "--subscription", "mailer", "--after", "start", "--count", count];
        run(&home, &[&words[..], place].concat())
    };
    assert_eq!(tasks(&tail("2", &["--api", &server.url])), ids[..2]);
    assert_eq!(tasks(&tail("1", &["--store", &home.store])), ids[2..], "by whichever way it goes on");
    let fourth = submit(&home, "d");
    assert_eq!(tasks(&tail("1", &["--api", &server.url])), [fourth]);

    let all = ["events", "tail", "--after", "start", "--type", "task.*", "--template", "alone", "--count", "4"];
    assert_eq!(tasks(&run(&home, &[&all[..], &["--api", &server.url]].concat())).len(), 4);
    let refused = run(&home, &["events", "tail", "--after", "nowhere", "--api", &server.url]);
    assert_eq!(refused.error_code(), "field_invalid");
}

#[test]
fn what_ended_is_archived_and_removed() {
    let home = prepared();
    let (ended, open) = (submit(&home, "a"), submit(&home, "b"));
    let store = ["--store", &home.store];
    assert_eq!(run(&home, &[&["task", "cancel", &ended][..], &store].concat()).code, 0);
    submit(&home, "c");
    let remove = |words: &[&str]| run(&home, &[&["retention", "run", "--older-than", "0"], words, &store[..]].concat());
    assert_eq!(remove(&["--dry-run"]).json()["would_remove"], 1);
    assert_eq!(remove(&["--archive", "nowhere"]).error_code(), "archive_unwritable");
    assert_eq!(remove(&["--archive", "."]).json()["removed"], 1);
    let get = |id: &str| run(&home, &[&["task", "get", id][..], &store].concat());
    assert_eq!((get(&ended).error_code().as_str(), get(&open).code), ("task_not_found", 0));

    let files = std::fs::read_dir(home.folder.path()).expect("the folder").map(|entry| entry.expect("a file").path());
    let mut archives = files.filter(|path| path.to_string_lossy().ends_with(".jsonl.gz"));
    let archive = archives.next().expect("an archive");
    let unpacked = std::process::Command::new("gzip").arg("-dc").arg(archive).output().expect("gzip");
    let line: Value = serde_json::from_slice(&unpacked.stdout).expect("one line of JSON");
    assert_eq!(line["task"]["task_uuid"], json!(ended));
    let types: Vec<_> = line["events"].as_array().expect("events").iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types, ["task.created", "step.cancelled", "task.cancelled"]);
    assert_eq!(archives.next(), None);
}
