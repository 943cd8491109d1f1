//! Workers that reach the engine over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use tasker_core::model::{Json, TaskState};
use tasker_worker::{Client, client::SubmitTask};

use super::{Home, Server, client, template};
use crate::{command::tasker, worker::Worker};

const TASKS: usize = 500;
const CHAIN: [(&str, &[&str]); 2] = [("a", &[]), ("b", &["a"])];

#[tokio::test(flavor = "multi_thread")]
async fn every_task_ends_although_a_worker_and_the_server_are_killed() {
    for home in Home::everywhere() {
        kill_and_go_on(&home).await;
    }
}

async fn kill_and_go_on(home: &Home) {
    let folder = home.folder.path();
    let mut server = Server::start(folder, &home.store, "127.0.0.1:0", &["--lease", "1s"]);
    let start = |server: &Server| Worker::start(folder, &["--api", &server.url, "--slots", "16", "--pace", "20ms"]);
    let mut doomed = start(&server);
    doomed.read_until(|line| line["template"]["name"] == "ecommerce_order");
    let client = Client::http(&server.url, None).expect("a client");
    let mut input: Value =
        serde_json::from_str(include_str!("../../../../examples/ecommerce_order/input.json")).expect("JSON");
    // This card is approved at the first try, so that every further attempt is the doing of the kill.
    input["payment_token"] = "tok_visa".into();
    let request = SubmitTask::new("ecommerce", "ecommerce_order", Json::from(&input));
    let submitted = client.submit_many(vec![request; TASKS]).await.expect("they are stored");
    assert_eq!((submitted.submitted, submitted.refused), (TASKS, 0));
    let end_of = async |at: usize| {
        let task_id = submitted.items[at].task_uuid.expect("it was stored");
        client.wait(task_id, Duration::from_secs(120)).await.expect("it ends")
    };
    end_of(0).await;
    doomed.kill();
    let heir = start(&server);
    end_of(TASKS / 4).await;
    server.kill();
    let tasks = tasker(folder, &["stats", "--store", &home.store, "-o", "json"]).json()["tasks"].clone();
    assert!(tasks["complete"].as_u64() < Some(TASKS as u64), "both were killed in the middle: {tasks}");
    let address = server.address().to_owned();
    let server = Server::start(folder, &home.store, &address, &["--lease", "1s"]);

    let mut losses = 0;
    for at in 0..TASKS {
        let task = end_of(at).await;
        assert_eq!(task.status, TaskState::Complete, "{}", task.task_uuid);
        for step in task.steps.expect("steps") {
            assert!(step.results.is_some() && step.failures == 0, "{} {}", task.task_uuid, step.name);
            losses += step.losses;
        }
    }
    assert!(losses > 0, "what the killed worker held was lost");
    drop((heir, server));
    let doctor = tasker(folder, &["doctor", "--store", &home.store, "-o", "json"]);
    assert_eq!((doctor.code, &doctor.json()["findings"]), (0, &json!([])));
}

#[tokio::test]
async fn a_call_that_is_sent_twice_is_carried_out_once() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    for _ in 0..2 {
        super::submitted(&client, &server, template("it", &CHAIN), "it").await;
    }
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
    let claim = |lane: u64, call: u64| json!({"lane": lane, "call": call, "want": 1, "wait_ms": 5_000});
    let (first, other) = (post(&work, &claim(0, 1)).await, post(&work, &claim(1, 7)).await);
    assert_eq!(first["assignments"].as_array().map(Vec::len), Some(1));
    assert_ne!(first, other, "each has a step of its own");
    assert_eq!(first, post(&work, &claim(0, 1)).await, "the answer that was lost, whatever came in the other lane");
    assert_eq!(other, post(&work, &claim(1, 7)).await);
    let lease = &first["assignments"][0]["lease"];
    let extended = post(&format!("/v1/workers/{id}/leases"), &json!({"leases": [lease]})).await;
    assert!(extended["until"][0].is_string());

    let outcome =
        |call: u64| json!({"call": call, "reports": [{"lease": lease, "outcome": {"succeeded": {"result": 7}}}]});
    assert_eq!(post(&work, &outcome(2)).await["verdicts"], json!(["accepted"]));
    assert_eq!(post(&work, &outcome(2)).await["verdicts"], json!(["accepted"]), "the answer that was lost");
    assert_eq!(post(&work, &outcome(3)).await["verdicts"], json!(["stale_lease"]), "the same report in another call");
}
