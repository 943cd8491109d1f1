//! Event streams, long polls, and how a server ends with them open.

use serde_json::Value;

use super::{Home, client, keys::key, submitted, template};

/// The events of a stream until its end: number, type, data.
async fn events(mut answer: reqwest::Response, until: &str) -> Vec<(u64, String, Value)> {
    let (mut text, mut events) = (String::new(), Vec::new());
    while let Some(chunk) = answer.chunk().await.expect("a stream") {
        text += std::str::from_utf8(&chunk).expect("text");
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let (Some(id), Some(kind), Some(data)) = (field("id: "), field("event: "), field("data: ")) {
                events.push((id.parse().expect("a number"), kind, serde_json::from_str(&data).expect("JSON")));
            }
            text = rest.to_owned();
        }
        if events.last().is_some_and(|(_, kind, _)| kind == until) {
            break;
        }
    }
    events
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    let id = submitted(&client, &server, template("it", &[("a", &[])]), "it").await;
    let url = server.url(&format!("/v1/tasks/{id}/events"));
    let seen = events(client.get(&url).send().await.expect("a stream"), "task.created").await;
    let last = seen.last().expect("events").0;
    let resumed = client.get(&url).header("last-event-id", last).send().await.expect("a stream");
    let cancelled = client.post(server.url(&format!("/v1/tasks/{id}/cancel"))).send().await.expect("an answer");
    assert!(cancelled.status().is_success());
    let rest = events(resumed, "task.cancelled").await;
    let numbers: Vec<u64> = seen.iter().chain(&rest).map(|event| event.0).collect();
    assert_eq!(numbers, Vec::from_iter(1..=numbers.len() as u64));
    assert_eq!(rest.last().map(|event| event.2["task_uuid"].clone()), Some(id.into()));

    // Also within what was committed together.
    for number in 0..numbers.len() as u64 - 1 {
        let resumed = client.get(&url).header("last-event-id", number).send().await.expect("a stream");
        let rest = events(resumed, "task.cancelled").await;
        assert_eq!(Vec::from_iter(rest.iter().map(|event| event.0)), Vec::from_iter(number + 1..=numbers.len() as u64));
    }

    let over = client.get(&url).header("last-event-id", numbers.len()).send().await.expect("an answer");
    assert_eq!(over.status(), 204);
    let wrong = client.get(&url).header("last-event-id", "x").send().await.expect("an answer");
    assert_eq!(wrong.status(), 422);
}

#[tokio::test]
async fn what_a_key_follows_ends_with_the_key() {
    let home = Home::new();
    let (server, client) = (home.start_guarded(), client());
    let admin = key(&home, &["--allow", "admin"]);
    let reader = key(&home, &["--allow", "read"]);
    let keys = client.get(server.url("/v1/keys")).bearer_auth(&admin).send().await.expect("an answer");
    let keys: Value = keys.json().await.expect("JSON");
    let id = keys["items"][0]["key_id"].as_str().expect("an id");
    let stream = client.get(server.url("/v1/events")).bearer_auth(&reader).send().await.expect("a stream");
    assert_eq!(stream.status(), 200);
    let revoked =
        client.delete(server.url(&format!("/v1/keys/{id}"))).bearer_auth(&admin).send().await.expect("an answer");
    assert!(revoked.status().is_success());
    assert_eq!(events(stream, "never").await, [], "it ends by itself");
}

#[tokio::test]
async fn a_server_that_stops_ends_streams_and_long_polls() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    let id = submitted(&client, &server, template("it", &[("a", &[])]), "it").await;
    let stream = client.get(server.url(&format!("/v1/tasks/{id}/events"))).send().await.expect("a stream");
    let stream = tokio::spawn(events(stream, "never"));
    let poll = client.get(server.url(&format!("/v1/tasks/{id}?wait=complete&timeout=60"))).send();
    let poll = tokio::spawn(poll);
    // Both are under way when the next request, made after them, is answered.
    let ready = client.get(server.url("/health/ready")).send().await.expect("an answer");
    assert!(ready.status().is_success());
    let (status, last) = tokio::task::spawn_blocking(|| server.terminate()).await.expect("it ends");
    assert_eq!((status.code(), &last["type"], &last["cut_off"]), (Some(0), &"server.stopped".into(), &0.into()));
    assert!(stream.await.expect("it ended").iter().any(|event| event.1 == "task.created"));
    // Answered as the task is, or never begun.
    if let Ok(answer) = poll.await.expect("it ended") {
        let task: Value = answer.json().await.expect("JSON");
        assert_eq!(task["status"], "pending");
    }
}
