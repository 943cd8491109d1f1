//! The client over HTTP, against a server that answers what the test says.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod fake;

use std::time::Duration;

use serde_json::json;
use tasker_core::model::{Json, TaskId, TaskState};
use tasker_worker::{Client, client::SubmitTask};

use fake::{Answer, Fake};

fn request() -> SubmitTask {
    SubmitTask::new("shop", "order", Json::null())
}

fn task(id: TaskId, status: &str) -> serde_json::Value {
    json!({"task_uuid": id, "name": "order", "namespace": "shop", "version": "1.0.0", "status": status, "context": {"a": 1.50},
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "total_steps": 1, "pending_steps": 0,
        "in_progress_steps": 0, "completed_steps": 1, "failed_steps": 0, "completion_percentage": 100.0, "last_seq": 4,
        "a_field_of_the_future": true})
}

fn event(id: TaskId, seq: i64, kind: &str) -> String {
    let event = json!({"task_uuid": id, "seq": seq, "at": "2026-01-01T00:00:00Z", "type": kind, "namespace": "shop",
        "name": "order", "version": "1.0.0"});
    format!("id: {seq}\nevent: {kind}\ndata: {event}\n\n")
}

#[tokio::test]
async fn a_refusal_is_the_same_error_as_in_process() {
    let problem = json!({"type": "/errors/input_invalid", "title": "input invalid", "status": 422, "detail": "no", "code": "input_invalid",
        "remedy": "mend it", "faults": [{"path": "/context/a", "message": "is not a number"}]});
    let fake = Fake::start([Answer::json(422, &problem)]).await;
    let client = Client::http(&fake.url(), Some("tk_secret")).unwrap();
    let error = client.submit(request()).await.unwrap_err();
    assert_eq!((error.code(), error.remedy(), error.is_transient()), ("input_invalid", "mend it", false));
    assert_eq!(error.details()[0].path, "/context/a");
    let seen = fake.seen();
    assert!(seen[0].starts_with("POST /v1/tasks HTTP/1.1"), "{seen:?}");
    assert!(seen[0].to_lowercase().contains("authorization: bearer tk_secret"), "{seen:?}");
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn what_may_be_sent_twice_is_sent_again_and_nothing_else() {
    let busy = || {
        Answer::json(
            503,
            &json!({"type": "/errors/database_unavailable", "title": "", "status": 503, "detail": "",
        "code": "database_unavailable", "remedy": "", "is_transient": true}),
        )
    };
    let id = TaskId::new();
    let fake = Fake::start([busy(), Answer::broken(), Answer::json(200, &task(id, "complete"))]).await;
    let found = Client::http(&fake.url(), None).unwrap().get(id).await.unwrap();
    assert_eq!((found.status, found.context.as_str()), (TaskState::Complete, r#"{"a":1.5}"#));
    assert_eq!(fake.seen().len(), 3);

    let fake = Fake::start([busy()]).await;
    let error = Client::http(&fake.url(), None).unwrap().submit(request()).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient(), fake.seen().len()), ("database_unavailable", true, 1));

    let submitted = Answer::json(200, &json!({"task_uuid": id, "is_new": false}));
    let fake = Fake::start([Answer::broken(), submitted]).await;
    let with_key = SubmitTask { idempotency_key: Some("k".to_owned()), ..request() };
    assert!(!Client::http(&fake.url(), None).unwrap().submit(with_key).await.unwrap().is_new);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_tasker_is_told_apart() {
    let fake = Fake::start([]).await;
    let url = fake.url();
    drop(fake);
    let error = Client::http(&url, None).unwrap().get(TaskId::new()).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("server_unreachable", true));
    let fake =
        Fake::start([Answer::text(404, "text/html", "<h1>not here</h1>"), Answer::text(200, "text/html", "<p>hello")])
            .await;
    let client = Client::http(&fake.url(), None).unwrap();
    for _ in 0..2 {
        let error = client.get(TaskId::new()).await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), ("answer_unreadable", false));
    }
}

#[tokio::test]
async fn a_wait_asks_again_until_the_task_has_ended_or_the_time_is_over() {
    let id = TaskId::new();
    let fake =
        Fake::start(["pending", "in_progress", "complete"].map(|status| Answer::json(200, &task(id, status)))).await;
    let client = Client::http(&fake.url(), None).unwrap();
    assert_eq!(client.wait(id, Duration::from_secs(60)).await.unwrap().status, TaskState::Complete);
    assert!(fake.seen().iter().all(|request| request.contains("wait=complete&timeout=")));
    let fake = Fake::start([Answer::json(200, &task(id, "pending"))]).await;
    let error = Client::http(&fake.url(), None).unwrap().wait(id, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.code(), "task_not_ended");
}

#[tokio::test]
async fn a_watch_that_breaks_off_goes_on_behind_the_last_event() {
    let id = TaskId::new();
    let first = format!(": heartbeat\n\n{}{}", event(id, 1, "task.created"), event(id, 2, "task.started"));
    // The second stream begins with an event that was seen before.
    let second = format!("{}{}", event(id, 2, "task.started"), event(id, 3, "task.completed"));
    let stream = |text: &str| Answer::text(200, "text/event-stream", text);
    let fake = Fake::start([stream(&first), stream(&second), Answer::text(204, "text/plain", "")]).await;
    let client = Client::http(&fake.url(), None).unwrap();
    let mut watch = client.watch(id, 0).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = watch.next().await.unwrap() {
        seen.push((event.seq, event.kind));
    }
    assert_eq!(seen.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2, 3]);
    let resumed: Vec<bool> = [0, 2, 3]
        .iter()
        .zip(fake.seen())
        .map(|(seq, request)| request.contains(&format!("last-event-id: {seq}\r\n")))
        .collect();
    assert_eq!(resumed, [true, true, true]);
}
