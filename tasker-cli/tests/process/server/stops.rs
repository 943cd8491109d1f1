//! How a server says what it does, and how it stops.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use super::{Home, Server, client, submitted, template};
use crate::command::tasker;

const WORKER: &str = "01890000-0000-7000-8000-000000000003";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answers_what_is_under_way_and_hands_nothing_out() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    submitted(&client, &server, template("it", &[("a", &[])]), "it").await;
    let record = json!({"worker_id": WORKER, "host": "here", "pid": 1, "language": "shell", "slots": 4, "handlers": ["a"], "queues": []});
    let joined = client.post(server.url("/v1/workers")).json(&record).send().await.expect("an answer");
    assert_eq!(joined.status(), 200);
    drop(client);

    let address = server.address().to_owned();
    let body = r#"{"call": 1, "want": 4, "wait_ms": 60000}"#;
    let head = format!(
        "POST /v1/workers/{WORKER}/work HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut under_way = TcpStream::connect(&address).expect("it accepts");
    under_way.write_all(head.as_bytes()).expect("it reads");
    // The head has been read when a request that came after it is answered.
    let ready = super::client().get(server.url("/health/ready")).send().await.expect("an answer");
    assert_eq!(ready.status(), 200);
    server.ask_to_stop();
    while TcpStream::connect(&address).is_ok() {}
    under_way.write_all(body.as_bytes()).expect("it still reads");
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).expect("an answer");
    let (head, answer) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    assert_eq!(answer["assignments"], json!([]), "the step stays in its queue");
    let log = server.log.clone();
    let (status, last) = server.ended();
    assert_eq!((status.code(), &last["cut_off"]), (Some(0), &0.into()));
    assert_eq!(fs::read_to_string(log).expect("the log"), "", "nothing goes wrong on the way");
}

#[tokio::test]
async fn every_line_of_the_log_is_a_document_that_names_its_request() {
    let home = Home::new();
    let created = tasker(
        home.folder.path(),
        &["key", "create", "admin", "--allow", "admin", "--store", &home.store, "-o", "json"],
    );
    assert_eq!(created.code, 1, "there is no schema yet");
    let server =
        Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--auth", "keys", "--log", "info,sqlx=warn"]);
    let created =
        tasker(home.folder.path(), &["key", "create", "it", "--allow", "read", "--store", &home.store, "-o", "json"]);
    let secret = created.json()["secret"].as_str().expect("a secret").to_owned();
    let asked = client().get(server.url("/v1/tasks?limit=0")).bearer_auth(&secret).header("x-request-id", "mine");
    assert_eq!(asked.send().await.expect("an answer").status(), 422);
    let log = server.log();
    let line = log.iter().find(|line| line["span"]["id"] == "mine").expect("a line about the request");
    assert_eq!((&line["status"], &line["span"]["route"]), (&422.into(), &"/v1/tasks".into()));
    assert!(log.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    let text = serde_json::to_string(&log).expect("JSON");
    assert!(!text.contains(&secret), "the secret is logged");
}
