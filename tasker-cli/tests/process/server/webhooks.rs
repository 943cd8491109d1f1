//! Servers that send what happens to an address: who may say so, and what becomes of it when one is killed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use serde_json::{Value, json};

use super::{Home, Server, client, submitted, template};
use crate::command::tasker;

/// Takes requests and gives none of them an answer until it is told to.
struct Receiver {
    url: String,
    requests: mpsc::Receiver<(Value, TcpStream)>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(event) = read(&mut reader) {
                        let answers = reader.get_ref().try_clone().expect("the same connection");
                        if sender.send((event, answers)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, requests }
    }

    fn next(&self) -> (Value, TcpStream) {
        self.requests.recv_timeout(std::time::Duration::from_secs(60)).expect("a request comes")
    }
}

/// The body of one request; none at the end of the connection.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Value> {
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).ok()? > 0 {
        if line == "\r\n" {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return serde_json::from_slice(&body).ok();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    None
}

fn answer(mut stream: TcpStream) {
    // A sender that was killed does not read it.
    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
}

#[tokio::test]
async fn another_server_goes_on_where_one_was_killed() {
    let (home, receiver) = (Home::new(), Receiver::start());
    let start = || Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--webhooks-to-private"]);
    let mut first = start();
    let body = json!({"name": "all", "url": receiver.url, "namespace": "test", "reason": "to see"});
    let created = client().post(first.url("/v1/webhooks")).json(&body).send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    let created: Value = created.json().await.expect("JSON");
    assert!(created["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    let task = submitted(&client(), &first, template("it", &[("nobody_has_it", &[])]), "it").await;

    let (event, unanswered) = receiver.next();
    first.kill();
    drop(unanswered);
    let second = start();
    let (again, stream) = receiver.next();
    assert_eq!((&again["id"], &again["partitionkey"]), (&event["id"], &json!(task)), "it may have been lost");
    answer(stream);

    let cancelled = client().post(second.url(&format!("/v1/tasks/{task}/cancel"))).send().await.expect("an answer");
    assert_eq!(cancelled.status(), 200);
    let mut last = again;
    while last["type"] != "tasker.task.cancelled" {
        let (event, stream) = receiver.next();
        let sequence = |event: &Value| event["sequence"].as_str().map(str::to_owned);
        assert!(sequence(&event) > sequence(&last), "in order, and none twice: {event}");
        answer(stream);
        last = event;
    }
}

#[tokio::test]
async fn the_command_registers_shows_stops_and_deletes() {
    let (home, receiver) = (Home::new(), Receiver::start());
    let server = Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--webhooks-to-private"]);
    let run = |words: &[&str]| {
        let store = ["--store", &home.store, "-o", "json"];
        tasker(home.folder.path(), &[&["webhook"], words, &store].concat())
    };
    let created = run(&["create", "cancels", &receiver.url, "--type", "task.cancelled", "--by", "ann"]).json();
    let id = created["webhook"]["webhook_id"].as_str().expect("an id").to_owned();
    assert_eq!(run(&["list"]).json()["items"], json!([created["webhook"]]));
    assert_eq!(run(&["show", "cancels"]).json(), created["webhook"]);
    let task = submitted(&client(), &server, template("it", &[("nobody_has_it", &[])]), "it").await;
    client().post(server.url(&format!("/v1/tasks/{task}/cancel"))).send().await.expect("an answer");
    let (event, stream) = receiver.next();
    assert_eq!(event["type"], "tasker.task.cancelled");
    answer(stream);
    let delivered = loop {
        let delivered = run(&["deliveries", "cancels", "--state", "delivered"]).json();
        if !delivered["items"][0].is_null() {
            break delivered["items"][0].clone();
        }
    };
    assert_eq!((&delivered["type"], &delivered["tries"][0]["status"]), (&json!("task.cancelled"), &json!(204)));
    let delivery = delivered["delivery_id"].as_str().expect("an id");
    assert_eq!(run(&["redeliver", &id, delivery, "--by", "bob"]).json()["asked_by"], "bob");
    let (again, stream) = receiver.next();
    assert_eq!(again["id"], event["id"]);
    answer(stream);

    let rotated = run(&["rotate", &id]).json();
    assert_ne!(rotated["secret"], created["secret"]);
    assert_eq!(run(&["disable", &id, "--reason", "noisy"]).json()["state"], "disabled");
    assert_eq!(run(&["show", &id]).json()["changed_because"], "noisy");
    assert_eq!(run(&["redeliver", &id, delivery]).error_code(), "webhook_inactive");
    assert_eq!(run(&["enable", &id]).json()["state"], "active");
    assert_eq!(run(&["delete", &id]).code, 0);
    assert_eq!(run(&["show", &id]).error_code(), "webhook_not_found");
}

#[tokio::test]
async fn a_webhook_needs_a_key_that_may_read_what_it_sends() {
    let home = Home::new();
    let server = home.start_guarded();
    let key = |more: &[&str]| {
        let arguments = ["key", "create", "test", "--store", &home.store, "-o", "json"];
        let created = tasker(home.folder.path(), &[&arguments[..], more].concat()).json();
        created["secret"].as_str().expect("a secret").to_owned()
    };
    let create = async |key: &str, namespace: Option<&str>| {
        let body = json!({"name": "it", "url": "https://example.com", "namespace": namespace});
        let request = client().post(server.url("/v1/webhooks")).bearer_auth(key).json(&body);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let operator = key(&["--allow", "operate,read"]);
    assert_eq!(create(&operator, None).await.0, 403, "payloads are not for it");
    let insider = key(&["--allow", "operate,read,read_payloads", "--in", "test"]);
    assert_eq!(create(&insider, None).await.0, 403, "of other namespaces");
    assert_eq!(create(&insider, Some("other")).await.0, 403);
    let (status, created) = create(&insider, Some("test")).await;
    assert_eq!((status, &created["webhook"]["created_by"]), (201, &json!("test")));
    let id = created["webhook"]["webhook_id"].as_str().expect("an id");

    let get = async |key: &str, path: &str| {
        let answer = client().get(server.url(path)).bearer_auth(key).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let place = format!("/v1/webhooks/{id}");
    assert_eq!(get(&insider, &place).await, (200, created["webhook"].clone()));
    assert_eq!(get(&insider, &format!("{place}/deliveries")).await, (200, json!({"items": [], "next": null})));
    let outsider = key(&["--allow", "operate,read,read_payloads", "--in", "other"]);
    assert_eq!(get(&outsider, &place).await.0, 404);
    assert_eq!(get(&outsider, "/v1/webhooks").await.1["items"], json!([]));
    let delete = async |key: &str| {
        let request = client().delete(server.url(&place)).bearer_auth(key);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((delete(&operator).await, delete(&insider).await, delete(&insider).await), (403, 204, 404));
}
