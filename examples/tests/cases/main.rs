//! Every case of every example is run by a worker, and must end as it says.

#![expect(clippy::unwrap_used, reason = "a case that cannot be run fails its test")]

mod case;

use std::{collections::BTreeSet, path::Path, time::Duration};

use case::{Case, Resolve, Sent};
use futures::future::join_all;
use tasker_core::{
    model::{Json, TaskId, TaskState},
    template::parse,
};
use tasker_examples::{EXAMPLES, Example, registry, templates};
use tasker_worker::{
    Client, Worker,
    client::{Action, Actor, SubmitTask},
};

/// The longest case takes about a second; the rest is for a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often, and for how long each, a task is watched that is to wait for an operator.
const LOOKS: u32 = 3_000;
const LOOK: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_run_ends_as_its_case_says() {
    let directory = tempfile::tempdir().unwrap();
    let cases: Vec<_> = EXAMPLES
        .iter()
        .flat_map(|example| Case::all_of(example.cases).into_iter().map(move |case| (example, case)))
        .collect();
    let environments: BTreeSet<&str> = cases.iter().map(|(_, case)| case.environment.as_str()).collect();
    let mut differences = Vec::new();
    for environment in environments {
        let worker = worker(environment).await;
        let here = cases.iter().filter(|(_, case)| case.environment == environment);
        let runs = here.map(|(example, case)| run(&worker, example, case, directory.path()));
        differences.extend(join_all(runs).await.into_iter().flatten());
        worker.shutdown(PATIENCE).await;
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_input_to_begin_with_leads_to_the_end() {
    let worker = worker("test").await;
    let runs = EXAMPLES.iter().map(async |example| {
        let input = Json::parse(example.input.to_owned()).unwrap();
        let submitted = worker.client().submit(request(example, input)).await.unwrap();
        let task = worker.client().wait(submitted.task_uuid, PATIENCE).await.unwrap();
        (example.name, task.status)
    });
    assert_eq!(join_all(runs).await, EXAMPLES.map(|example| (example.name, TaskState::Complete)));
    worker.shutdown(PATIENCE).await;
}

/// A worker with every template and handler, on an engine and a database of its own.
async fn worker(environment: &str) -> Worker {
    let builder = Worker::builder("sqlite::memory:").environment(environment).handlers(registry());
    templates().fold(builder, |builder, (_, yaml)| builder.template_yaml(yaml)).start().await.unwrap()
}

/// What a run differs in from what its case expects, each with its place.
async fn run(worker: &Worker, example: &Example, case: &Case, directory: &Path) -> Vec<String> {
    let client = worker.client();
    let submitted = client.submit(request(example, case.input_in(directory))).await;
    let found = match (submitted, &case.expect.refused) {
        (Err(error), Some(code)) if error.code() == code => Vec::new(),
        (Err(error), _) => vec![format!("refused with {}: {error}", error.code())],
        (Ok(_), Some(code)) => vec![format!("expected to be refused with {code}, and was accepted")],
        (Ok(submitted), None) => {
            let mut found = signal(&client, case, submitted.task_uuid).await;
            if let Some(resolve) = &case.when_blocked {
                found.extend(resolve_when_blocked(&client, submitted.task_uuid, resolve).await);
            }
            match client.wait(submitted.task_uuid, PATIENCE).await {
                Ok(task) => found.extend(case.expect.differences(&task)),
                Err(error) => found.push(format!("{error}; {:?}", client.steps(submitted.task_uuid).await)),
            }
            found
        }
    };
    found.into_iter().map(|difference| format!("{} / {}: {difference}", example.name, case.name)).collect()
}

/// Does an operator's part; answers with what came of it otherwise than expected.
async fn resolve_when_blocked(client: &Client, task_id: TaskId, Resolve { resolve, result }: &Resolve) -> Vec<String> {
    for _ in 0..LOOKS {
        // The wait ends early where it has not come to that yet.
        if client.wait(task_id, LOOK).await.is_ok() {
            return vec!["it ended without waiting for an operator".to_owned()];
        }
        if client.get(task_id).await.is_ok_and(|task| task.status == TaskState::BlockedByFailures) {
            let action = Action::ResolveStep { step: Some(resolve.clone()), result: Some(Json::from(result)) };
            let resolved = client.operate(task_id, action, Actor::default()).await;
            return resolved.err().map(|error| error.to_string()).into_iter().collect();
        }
    }
    vec!["it never waited for an operator".to_owned()]
}

/// Sends the signals of a case; answers with what came of them otherwise than expected.
async fn signal(client: &Client, case: &Case, task_id: TaskId) -> Vec<String> {
    let mut found = Vec::new();
    for Sent { signal, payload, by, refused } in &case.signals {
        let sent = client.signal(task_id, signal, Json::from(payload), by.clone()).await;
        let code = sent.err().map(|error| error.code().to_owned());
        if code != *refused {
            found.push(format!("{signal} {payload}: expected to be refused with {refused:?}, got {code:?}"));
        }
    }
    found
}

fn request(example: &Example, input: Json) -> SubmitTask {
    let template = parse(example.template, example.name).unwrap();
    SubmitTask::new(template.namespace, template.name, input)
}
