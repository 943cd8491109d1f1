//! Who may do what: keys that are missing, wrong, expired, of another namespace, or for something else.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Home, Server, client, template};
use crate::command::tasker;

/// The secret of a new key.
pub(super) fn key(home: &Home, more: &[&str]) -> String {
    let arguments = ["key", "create", "test", "--store", &home.store, "-o", "json"];
    let created = tasker(home.folder.path(), &[&arguments[..], more].concat());
    assert_eq!(created.code, 0, "{}", created.stderr);
    created.json()["secret"].as_str().expect("a secret").to_owned()
}

struct Asker<'a> {
    client: Client,
    server: &'a Server,
    secret: String,
}

impl Asker<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.client.request(method, self.server.url(path)).bearer_auth(&self.secret);
        let request = body.iter().fold(request, |request, body| request.json(body));
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(Method::POST, path, Some(body)).await
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_key_opens_what_it_is_for_and_nothing_else() {
    let home = Home::new();
    let server = home.start_guarded();
    let asker = |secret: String| Asker { client: client(), server: &server, secret };
    let admin = asker(key(&home, &["--allow", "admin"]));
    let yaml = template("it", &[("a", &[])]);
    let register = client().post(server.url("/v1/templates")).bearer_auth(&admin.secret);
    let registered = register.header("content-type", "application/yaml").body(yaml).send().await.expect("an answer");
    assert_eq!(registered.status(), 201);

    let without = client().get(server.url("/v1/tasks")).send().await.expect("an answer");
    assert_eq!(
        (without.status().as_u16(), &without.headers()["www-authenticate"]),
        (401, &"Bearer".parse().expect("a header"))
    );
    assert_eq!(code(&asker("wrong".to_owned()).get("/v1/tasks").await), (401, "key_invalid"));
    let expired = asker(key(&home, &["--allow", "read", "--lifetime", "1ms"]));
    assert_eq!(code(&expired.get("/v1/tasks").await), (401, "key_invalid"));
    for path in ["/health", "/health/live", "/api-docs", "/api-docs/openapi.json", "/errors/task_not_found"] {
        assert_eq!(client().get(server.url(path)).send().await.expect("an answer").status(), 200, "{path}");
    }
    assert_eq!(client().get(server.url("/metrics")).send().await.expect("an answer").status(), 401);

    let task = json!({"namespace": "test", "name": "it", "context": {"secret": "sesame"}});
    let submitter = asker(key(&home, &["--allow", "submit"]));
    let submitted = submitter.post("/v1/tasks", task.clone()).await;
    assert_eq!(submitted.0, 201);
    let place = format!("/v1/tasks/{}", submitted.1["task_uuid"].as_str().expect("an id"));
    assert_eq!(code(&submitter.get(&place).await), (403, "permission_missing"));
    assert_eq!(code(&submitter.post(&format!("{place}/cancel"), json!({})).await), (403, "permission_missing"));

    let reader = asker(key(&home, &["--allow", "read"]));
    let (status, shown) = reader.get(&place).await;
    assert_eq!((status, &shown["context"], &shown["name"]), (200, &Value::Null, &"it".into()), "payloads are hidden");
    let insider = asker(key(&home, &["--allow", "read,read_payloads", "--in", "test"]));
    assert_eq!(insider.get(&place).await.1["context"]["secret"], "sesame");
    assert_eq!(insider.get("/v1/tasks").await.1["items"].as_array().map(Vec::len), Some(1));

    let outsider = asker(key(&home, &["--allow", "read,submit,operate,work", "--in", "other"]));
    assert_eq!(code(&outsider.get(&place).await), (404, "task_not_found"));
    assert_eq!(code(&outsider.post(&format!("{place}/pause"), json!({})).await), (404, "task_not_found"));
    assert_eq!(code(&outsider.post("/v1/tasks", task).await), (403, "permission_missing"));
    assert_eq!(code(&outsider.get("/v1/tasks?namespace=test").await), (403, "permission_missing"));
    assert_eq!(outsider.get("/v1/tasks").await.1["items"], json!([]));
    assert_eq!(code(&outsider.get("/v1/stats").await), (403, "permission_missing"));

    let (status, paused) = admin.post(&format!("{place}/pause"), json!({"reason": "to look"})).await;
    assert_eq!((status, &paused["status"]), (200, &"paused".into()));
    let history = admin.get(&format!("{place}/history")).await.1;
    let last = history["items"].as_array().and_then(|events| events.last()).expect("events");
    assert_eq!(
        (&last["type"], &last["by"], &last["reason"]),
        (&"task.paused".into(), &"test".into(), &"to look".into())
    );
}

#[tokio::test]
async fn a_key_for_workers_can_claim_and_nothing_else() {
    let home = Home::new();
    let server = home.start_guarded();
    let asker = |secret: String| Asker { client: client(), server: &server, secret };
    let worker = asker(key(&home, &["--allow", "work", "--in", "test"]));
    let id = "01890000-0000-7000-8000-000000000002";
    let record = |queues: Value| json!({"worker_id": id, "host": "here", "pid": 1, "language": "shell", "slots": 4, "handlers": ["a"], "queues": queues});
    assert_eq!(worker.post("/v1/workers", record(json!([]))).await.0, 200);
    assert_eq!(code(&worker.post("/v1/workers", record(json!(["other"]))).await), (403, "permission_missing"));
    let work = format!("/v1/workers/{id}/work");
    assert_eq!(worker.post(&work, json!({"want": 1})).await.0, 200);
    let other = asker(key(&home, &["--allow", "work"]));
    assert_eq!(code(&other.post(&work, json!({"want": 1})).await), (404, "worker_unknown"));
    for path in ["/v1/tasks", "/v1/workers", "/v1/templates", "/v1/events", "/v1/stats", "/v1/keys", "/metrics"] {
        assert_eq!(code(&worker.get(path).await), (403, "permission_missing"), "{path}");
    }
    assert_eq!(code(&worker.post("/v1/keys", json!({})).await), (403, "permission_missing"));
}

#[test]
fn an_address_that_others_reach_needs_keys() {
    let home = Home::new();
    let arguments = ["server", "--store", &home.store, "--listen", "0.0.0.0:0", "--auth", "open", "-o", "json"];
    let refused = tasker(home.folder.path(), &arguments);
    assert_eq!((refused.code, refused.error_code()), (1, "authentication_required".to_owned()));
}
