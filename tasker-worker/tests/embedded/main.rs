//! Workers with Rust handlers on the real engine, over SQLite.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod batches;
mod branches;
mod ending;
mod faults;
mod flows;
mod unasked;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tasker_core::{
    model::{Json, TaskId},
    orchestration::{Engine, Options},
    store,
};
use tasker_worker::{
    Client,
    client::{StepView, SubmitTask, TaskView},
};

/// Long enough for anything that is to happen; a test that waits for it fails.
const LONG: Duration = Duration::from_secs(60);

/// An engine on a database in memory, whose leases and sweeps are short.
async fn engine() -> Arc<Engine> {
    let store = store::open("sqlite::memory:").await.unwrap();
    store.migrate().await.unwrap();
    let options =
        Options { lease: Duration::from_millis(300), sweep_interval: Duration::from_millis(50), ..Options::default() };
    Engine::new(store, options)
}

/// A template named `it`, of steps that are each called like their handler: name, dependencies, further fields.
fn template(steps: &[(&str, &[&str], &str)]) -> String {
    let mut yaml = "name: it\nnamespace: test\nversion: 1.0.0\nsteps:\n".to_owned();
    for (name, dependencies, fields) in steps {
        let dependencies = dependencies.join(", ");
        yaml +=
            &format!("  - {{name: {name}, handler: {{callable: {name}}}, dependencies: [{dependencies}]{fields}}}\n");
    }
    yaml
}

async fn submit(client: &Client, input: Value) -> TaskId {
    client.submit(SubmitTask::new("test", "it", Json::from(&input))).await.unwrap().task_uuid
}

async fn run(client: &Client, input: Value) -> (TaskView, BTreeMap<String, StepView>) {
    let task_id = submit(client, input).await;
    ended(client, task_id).await
}

async fn ended(client: &Client, task_id: TaskId) -> (TaskView, BTreeMap<String, StepView>) {
    let task = client.wait(task_id, LONG).await.unwrap();
    let steps = task.steps.clone().unwrap();
    (task, steps.into_iter().map(|step| (step.name.clone(), step)).collect())
}

fn result(step: &StepView) -> Value {
    step.results.as_ref().map_or(json!("no result"), Json::to_value)
}
