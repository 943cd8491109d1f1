//! Workers that reach the engine over HTTP.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tasker_core::model::{Json, TaskState};
use tasker_worker::{StepContext, StepError, Worker, client::SubmitTask};
use tokio::sync::mpsc;

use super::{Home, Server, client, template};

const TASKS: usize = 500;
const CHAIN: [(&str, &[&str]); 2] = [("a", &[]), ("b", &["a"])];

/// A worker of the chain, which tells of every attempt that it begins.
async fn worker(server: &Server, begun: mpsc::UnboundedSender<()>) -> Worker {
    let handler = move |context: StepContext| {
        // Who listens no longer need not be told.
        let _ = begun.send(());
        async move { Ok::<_, StepError>(json!({"step": context.step_name()})) }
    };
    let handler = Arc::new(handler);
    let (a, b) = (Arc::clone(&handler), handler);
    let builder = Worker::builder(server.url.clone()).template_yaml(template("chain", &CHAIN)).slots(16);
    let builder = builder.handler("a", move |context| a(context)).handler("b", move |context| b(context));
    builder.start().await.expect("the worker starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_ends_although_a_worker_and_the_server_are_killed() {
    let home = Home::new();
    let mut server = home.start();
    let (sender, mut begun) = mpsc::unbounded_channel();
    let doomed = worker(&server, sender.clone()).await;
    let client = doomed.client();
    let requests = (0..TASKS).map(|number| SubmitTask::new("test", "chain", Json::from(&json!({"number": number}))));
    let submitted = client.submit_many(requests.collect()).await.expect("they are stored");
    assert_eq!((submitted.submitted, submitted.refused), (TASKS, 0));
    for _ in 0..100 {
        begun.recv().await.expect("steps run");
    }
    drop(doomed);
    let heir = worker(&server, sender).await;
    for _ in 0..200 {
        begun.recv().await.expect("steps run");
    }
    server.kill();
    let address = server.address().to_owned();
    let server = Server::start(home.folder.path(), &home.store, &address, &[]);

    for item in submitted.items {
        let task_id = item.task_uuid.expect("it was stored");
        let task = client.wait(task_id, Duration::from_secs(120)).await.expect("it ends");
        assert_eq!(task.status, TaskState::Complete, "{task_id}");
        for step in task.steps.expect("steps") {
            let result = step.results.expect("a result").to_value();
            assert_eq!(result, json!({"step": step.name}));
        }
    }
    let drained = heir.shutdown(Duration::from_secs(10)).await;
    assert_eq!((drained.abandoned, drained.undelivered), (0, 0));
    drop(server);
}

#[tokio::test]
async fn a_call_that_is_sent_twice_is_carried_out_once() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    super::submitted(&client, &server, template("it", &CHAIN), "it").await;
    let post = async |path: &str, body: &Value| {
        let answer = client.post(server.url(path)).json(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json::<Value>().await.expect("JSON")
    };
    let id = "01890000-0000-7000-8000-000000000001";
    let record = json!({"worker_id": id, "host": "here", "pid": 1, "language": "shell", "slots": 4, "handlers": ["a"], "queues": []});
    let joined = post("/v1/workers", &record).await;
    assert!(joined["lease_ms"].as_u64().is_some_and(|lease| lease > 0));

    let work = format!("/v1/workers/{id}/work");
    let claim = json!({"call": 1, "want": 4, "wait_ms": 5_000});
    let (first, again) = (post(&work, &claim).await, post(&work, &claim).await);
    assert_eq!(first["assignments"].as_array().map(Vec::len), Some(1));
    assert_eq!(first, again, "the answer that was lost");
    let lease = &first["assignments"][0]["lease"];
    let extended = post(&format!("/v1/workers/{id}/leases"), &json!({"leases": [lease]})).await;
    assert!(extended["until"][0].is_string());

    let outcome =
        |call: u64| json!({"call": call, "reports": [{"lease": lease, "outcome": {"succeeded": {"result": 7}}}]});
    assert_eq!(post(&work, &outcome(2)).await["verdicts"], json!(["accepted"]));
    assert_eq!(post(&work, &outcome(2)).await["verdicts"], json!(["accepted"]), "the answer that was lost");
    assert_eq!(post(&work, &outcome(3)).await["verdicts"], json!(["stale_lease"]), "the same report in another call");
}
