//! A worker that is killed in the middle of a step: the step runs again on another one, and the task still ends.
//!
//! On the PostgreSQL that TASKER_TEST_DATABASE_URL names, in a database of its own; on a SQLite file without it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use serde_json::Value;
use tempfile::tempdir;

use crate::{
    command::{command, tasker},
    database::{Database, postgres},
};

const STEP: &str = "authorize_payment";

#[test]
fn a_step_of_a_killed_worker_runs_again_elsewhere() {
    match postgres() {
        Some(server) => {
            let database = Database::create(&server);
            kill_and_go_on(&database.url);
        }
        None => kill_and_go_on("sqlite:crash.db"),
    }
}

fn kill_and_go_on(store: &str) {
    let folder = tempdir().expect("a folder");
    let mut killed = Worker::start(folder.path(), store, "2s");
    killed.read_until(|line| line["type"] == "template.registered" && line["template"]["name"] == "ecommerce_order");
    let task_id = submit(folder.path(), store);
    killed.read_until(|line| line["type"] == "step.started" && line["step"] == STEP);
    killed.kill();
    let at_the_kill = tasker(folder.path(), &["task", "get", &task_id, "--store", store, "-o", "json"]).json();
    assert_eq!(step(&at_the_kill)["current_state"], "in_progress", "it was killed in the middle of the step");

    let _other = Worker::start(folder.path(), store, "0");
    let watched =
        tasker(folder.path(), &["task", "watch", &task_id, "--store", store, "--timeout", "60s", "-o", "json"]);
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let end = tasker(folder.path(), &["task", "get", &task_id, "--store", store, "-o", "json"]).json();
    assert_eq!(end["status"], "complete");
    assert_eq!(
        (&step(&end)["attempts"], &step(&end)["losses"], &step(&end)["failures"]),
        (&2.into(), &1.into(), &0.into())
    );
    let history: Vec<Value> = watched.json_lines().into_iter().filter(|event| event["step"] == STEP).collect();
    let history: Vec<&str> = history.iter().filter_map(|event| event["type"].as_str()).collect();
    let without_queue: Vec<&str> = history.into_iter().filter(|kind| *kind != "step.enqueued").collect();
    assert_eq!(without_queue, ["step.started", "step.lost", "step.started", "step.completed"]);
}

fn submit(folder: &Path, store: &str) -> String {
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ecommerce_order/input.json");
    let input = format!("@{}", input.display());
    // This card is approved at the first try, so that every further attempt is the doing of the kill.
    let card = "payment_token=tok_visa";
    let arguments =
        ["task", "submit", "ecommerce/ecommerce_order", "-i", &input, "-s", card, "--store", store, "-o", "json"];
    let submitted = tasker(folder, &arguments).json();
    submitted["task_uuid"].as_str().expect("an id").to_owned()
}

fn step(document: &Value) -> &Value {
    let steps = document["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["name"] == STEP).expect("the step")
}

/// A worker process, which is killed at the latest when the test ends.
struct Worker {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Worker {
    fn start(folder: &Path, store: &str, pace: &str) -> Self {
        let arguments = ["dev", "--store", store, "--lease", "1s", "--pace", pace, "-o", "json"];
        let mut child = command(folder, &arguments).stdout(Stdio::piped()).spawn().expect("the worker starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    fn read_until(&mut self, is_it: impl Fn(&Value) -> bool) {
        let found = self.lines.by_ref().map_while(Result::ok).any(|line| {
            let line: Value = serde_json::from_str(&line).expect("a line of JSON");
            is_it(&line)
        });
        assert!(found, "the worker ended before that");
    }

    /// As `kill -9` does.
    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that is dead already is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
