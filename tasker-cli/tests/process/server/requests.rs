//! What is asked wrongly is answered with a problem document that names the place.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use reqwest::{Method, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{Home, client, submitted, template};

async fn problem(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    assert!(answer.headers().contains_key("x-request-id"));
    let problem: Value = answer.json().await.expect("JSON");
    assert_eq!(problem["status"], status);
    assert!(problem["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{problem}");
    (status, problem)
}

async fn code(answer: Response) -> (u16, String) {
    let (status, problem) = problem(answer).await;
    (status, problem["code"].as_str().expect("a code").to_owned())
}

#[tokio::test]
async fn every_refusal_has_a_status_and_a_code() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    let get = async |path: &str| code(client.get(server.url(path)).send().await.expect("an answer")).await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    let expected = [
        ("/v1/nothing".to_owned(), 404, "path_not_found"),
        (format!("/v1/tasks/{unknown}"), 404, "task_not_found"),
        (format!("/v1/tasks/{unknown}/events"), 404, "task_not_found"),
        ("/v1/tasks/seven".to_owned(), 400, "path_invalid"),
        ("/v1/tasks?limit=0".to_owned(), 422, "field_invalid"),
        ("/v1/tasks?limit=many".to_owned(), 400, "query_invalid"),
        ("/v1/tasks?colour=red".to_owned(), 400, "query_invalid"),
        ("/v1/tasks?status=lost".to_owned(), 422, "field_invalid"),
        ("/v1/templates/test/none".to_owned(), 404, "template_not_found"),
        (format!("/v1/workers/{unknown}/wakeups"), 404, "worker_unknown"),
    ];
    for (path, status, word) in expected {
        assert_eq!(get(&path).await, (status, word.to_owned()), "{path}");
    }

    let put = client.put(server.url("/v1/tasks")).send().await.expect("an answer");
    let allowed = put.headers()["allow"].to_str().expect("text").to_owned();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    assert_eq!(code(put).await, (405, "method_not_allowed".to_owned()));

    let post = |kind: &'static str, body: Vec<u8>| {
        client.post(server.url("/v1/tasks")).header(CONTENT_TYPE, kind).body(body).send()
    };
    let bodies = [
        ("text/plain", b"{}".to_vec(), 415, "content_type_invalid"),
        ("application/json", b"{\"namespace\":".to_vec(), 400, "json_invalid"),
        ("application/json", b"\xff".to_vec(), 400, "text_invalid"),
        ("application/json", b"{} {}".to_vec(), 400, "body_invalid"),
    ];
    for (kind, body, status, word) in bodies {
        assert_eq!(code(post(kind, body).await.expect("an answer")).await, (status, word.to_owned()), "{word}");
    }
    // It is refused by what it announces, so that the answer may come before the body is sent.
    let authority = server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = TcpStream::connect(&authority).expect("a connection");
    let head = format!(
        "POST /v1/tasks HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        11 * 1024 * 1024
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"body_too_large\""), "{answer}");
    // A client that sends all of it before it reads finds the answer too.
    let mut stream = TcpStream::connect(&authority).expect("a connection");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    stream.write_all(&vec![b' '; 11 * 1024 * 1024]).expect("the body is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let stranger = client.get(server.url("/health")).header("host", "example.com").send().await.expect("an answer");
    assert_eq!(code(stranger).await, (403, "host_not_allowed".to_owned()));
}

#[tokio::test]
async fn what_is_wrong_in_a_body_is_named_by_its_place() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    let wrong = json!({"namespace": "test", "name": "it", "tags": ["a", 7]});
    let answer = client.post(server.url("/v1/tasks")).json(&wrong).send().await.expect("an answer");
    let (status, refused) = problem(answer).await;
    assert_eq!(
        (status, &refused["code"], &refused["faults"][0]["path"]),
        (400, &"body_invalid".into(), &"/tags/1".into())
    );

    let yaml =
        "name: it\nnamespace: test\nversion: 1.0.0\nsteps:\n  - {name: a, handler: {callable: a}, colour: red}\n";
    let register =
        client.post(server.url("/v1/templates?source_name=it.yaml")).header(CONTENT_TYPE, "application/yaml");
    let (status, refused) = problem(register.body(yaml).send().await.expect("an answer")).await;
    assert_eq!((status, &refused["faults"][0]["line"]), (422, &5.into()), "{refused}");

    let bulk = json!({"tasks": [{"namespace": "test"}, {"namespace": "test", "name": "gone"}]});
    let answer = client.post(server.url("/v1/tasks/bulk")).json(&bulk).send().await.expect("an answer");
    let answered: Value = answer.json().await.expect("JSON");
    assert_eq!((&answered["submitted"], &answered["refused"]), (&0.into(), &2.into()));
    assert_eq!(answered["items"][0]["error"]["code"], "body_invalid");
    assert_eq!(answered["items"][1]["error"]["code"], "template_not_found");
}

#[tokio::test]
async fn a_request_keeps_its_id_and_a_key_its_task() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    submitted(&client, &server, template("it", &[("a", &[])]), "it").await;
    let submit = || {
        let task = json!({"namespace": "test", "name": "it", "idempotency_key": "k"});
        client.post(server.url("/v1/tasks")).header("x-request-id", "mine").json(&task).send()
    };
    let (first, second) = (submit().await.expect("an answer"), submit().await.expect("an answer"));
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (201, 200));
    assert_eq!(first.headers()["x-request-id"], "mine");
    let place = first.headers()["location"].to_str().expect("text").to_owned();
    let (first, second): (Value, Value) = (first.json().await.expect("JSON"), second.json().await.expect("JSON"));
    assert_eq!(first["task_uuid"], second["task_uuid"]);
    let task: Value = client.get(server.url(&place)).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&task["status"], &task["steps"][0]["name"]), (&"pending".into(), &"a".into()));

    let cancelled = client.request(Method::DELETE, server.url(&format!("{place}?reason=enough")));
    let cancelled: Value = cancelled.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(cancelled["status"], "cancelled");
    let again = client.post(server.url(&format!("{place}/cancel"))).send().await.expect("an answer");
    assert_eq!(code(again).await, (409, "task_ended".to_owned()));
}
