//! A worker that is killed in the middle of a step: the step runs again on another one, and the task still ends.
//!
//! On the PostgreSQL that TASKER_TEST_DATABASE_URL names, in a database of its own; on a SQLite file without it.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::{
    command::tasker,
    database::{Database, postgres},
    worker::Worker,
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
    let mut killed = start(folder.path(), store, "2s");
    killed.read_until(|line| line["type"] == "template.registered" && line["template"]["name"] == "ecommerce_order");
    let task_id = submit(folder.path(), store);
    killed.read_until(|line| line["type"] == "step.started" && line["step"] == STEP);
    killed.kill();
    let at_the_kill = tasker(folder.path(), &["task", "get", &task_id, "--store", store, "-o", "json"]).json();
    assert_eq!(step(&at_the_kill)["current_state"], "in_progress", "it was killed in the middle of the step");

    let _other = start(folder.path(), store, "0");
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

fn start(folder: &Path, store: &str, pace: &str) -> Worker {
    Worker::start(folder, &["--store", store, "--lease", "1s", "--pace", pace])
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
