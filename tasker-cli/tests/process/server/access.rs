//! Every route of the API asks for a permission: the table below says for which, and a route that is not in it fails.

use std::collections::BTreeSet;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::{Home, Server, client, keys::key, template};
use crate::command::tasker;

/// In which namespaces a route works for a key that is for some only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// No key is needed.
    Public,
    /// In those of the key: a task of another one is not there.
    Task,
    /// In those of the key, one of which the request names: for another one the permission is missing.
    Named,
    /// In none: it is about all of them.
    All,
    /// In those of the key: a webhook of another one is not there.
    Hook,
    /// In those of the key: what is of others is left out of the list.
    Filtered,
    /// For the worker itself, which joined with the key.
    Worker,
}

use Reach::{All, Filtered, Hook, Named, Public, Task, Worker};

/// `METHOD PATH`, the permission, and its reach.
const ROUTES: [(&str, &str, Reach); 53] = [
    ("GET /health", "", Public),
    ("GET /health/live", "", Public),
    ("GET /health/ready", "", Public),
    ("GET /metrics", "read", All),
    ("GET /v1/stats", "read", All),
    ("GET /v1/keys", "admin", All),
    ("POST /v1/keys", "admin", All),
    ("DELETE /v1/keys/{key_id}", "admin", All),
    ("GET /v1/templates", "read", Named),
    ("POST /v1/templates", "templates", Named),
    ("GET /v1/templates/{namespace}/{name}", "read", Named),
    ("GET /v1/templates/{namespace}/{name}/{version}", "read", Named),
    ("GET /v1/templates/{namespace}/{name}/diff", "read", Named),
    ("GET /v1/tasks", "read", Named),
    ("POST /v1/tasks", "submit", Named),
    ("POST /v1/tasks/bulk", "submit", Task),
    ("POST /v1/tasks/actions", "operate", Task),
    ("GET /v1/tasks/{task_uuid}", "read", Task),
    ("DELETE /v1/tasks/{task_uuid}", "operate", Task),
    ("GET /v1/tasks/{task_uuid}/history", "read", Task),
    ("GET /v1/tasks/{task_uuid}/why", "read", Task),
    ("GET /v1/tasks/{task_uuid}/tree", "read", Task),
    ("GET /v1/tasks/{task_uuid}/events", "read", Task),
    ("POST /v1/tasks/{task_uuid}/cancel", "operate", Task),
    ("POST /v1/tasks/{task_uuid}/pause", "operate", Task),
    ("POST /v1/tasks/{task_uuid}/resume", "operate", Task),
    ("POST /v1/tasks/{task_uuid}/resolve", "operate", Task),
    ("POST /v1/tasks/{task_uuid}/retry", "operate", Task),
    ("POST /v1/tasks/{task_uuid}/rerun", "operate", Task),
    ("POST /v1/tasks/{task_uuid}/priority", "operate", Task),
    ("POST /v1/tasks/{task_uuid}/signals/{name}", "operate", Task),
    ("GET /v1/tasks/{task_uuid}/workflow_steps", "read", Task),
    ("GET /v1/tasks/{task_uuid}/workflow_steps/{step_uuid}", "read", Task),
    ("PATCH /v1/tasks/{task_uuid}/workflow_steps/{step_uuid}", "operate", Task),
    ("GET /v1/tasks/{task_uuid}/workflow_steps/{step_uuid}/parts", "read", Task),
    ("GET /v1/tasks/{task_uuid}/workflow_steps/{step_uuid}/audit", "read", Task),
    ("GET /v1/events", "read", Named),
    ("POST /v1/events/next", "read", Named),
    ("GET /v1/workers", "read", All),
    ("POST /v1/workers", "work", Named),
    ("POST /v1/workers/{worker_id}/work", "work", Worker),
    ("GET /v1/workers/{worker_id}/wakeups", "work", Worker),
    ("POST /v1/workers/{worker_id}/leases", "work", Worker),
    ("POST /v1/workers/{worker_id}/checkpoints", "work", Worker),
    ("GET /v1/webhooks", "read", Filtered),
    ("POST /v1/webhooks", "operate", Named),
    ("GET /v1/webhooks/{webhook_id}", "read", Hook),
    ("GET /v1/webhooks/{webhook_id}/deliveries", "read", Hook),
    ("POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", "operate", Hook),
    ("POST /v1/webhooks/{webhook_id}/disable", "operate", Hook),
    ("POST /v1/webhooks/{webhook_id}/enable", "operate", Hook),
    ("POST /v1/webhooks/{webhook_id}/rotate", "operate", Hook),
    ("DELETE /v1/webhooks/{webhook_id}", "operate", Hook),
];

const VERBS: [&str; 7] = ["read", "read_payloads", "submit", "operate", "templates", "work", "admin"];
const WORKER: &str = "01890000-0000-7000-8000-000000000004";
/// What only those may see who read payloads.
const PAYLOAD: &str = "open sesame";

/// A server that asks for keys, with one task of the namespace `test`, all of whose payloads hold the same text.
struct Guarded {
    home: Home,
    server: Server,
    client: Client,
    admin: String,
    task: String,
    step: String,
    webhook: String,
}

impl Guarded {
    async fn start() -> Self {
        let home = Home::new();
        let (server, client) = (home.start_guarded(), client());
        let admin = key(&home, &["--allow", "admin"]);
        let (task, step, webhook) = (String::new(), String::new(), String::new());
        let mut guarded = Self { home, server, client, admin, task, step, webhook };
        for yaml in [
            template("it", &[("a", &[])]),
            template("it", &[("a", &[])]).replace("namespace: test", "namespace: other"),
        ] {
            let answer = guarded.send(&guarded.admin, "POST /v1/templates", Some(json!(yaml))).await;
            assert_eq!(answer.status(), 201);
        }
        let body = json!({"namespace": "test", "name": "it", "context": {"secret": PAYLOAD}});
        let submitted: Value =
            guarded.send(&guarded.admin, "POST /v1/tasks", Some(body)).await.json().await.expect("JSON");
        guarded.task = submitted["task_uuid"].as_str().expect("an id").to_owned();
        let shown: Value =
            guarded.send(&guarded.admin, "GET /v1/tasks/{task_uuid}", None).await.json().await.expect("JSON");
        guarded.step = shown["steps"][0]["step_uuid"].as_str().expect("an id").to_owned();
        let created = guarded.send(&guarded.admin, "POST /v1/webhooks", Some(new_webhook())).await;
        let created: Value = created.json().await.expect("JSON");
        guarded.webhook = created["webhook"]["webhook_id"].as_str().expect("an id").to_owned();
        guarded
    }

    /// Asks a route for the task, or for what the body names.
    async fn send(&self, secret: &str, route: &str, body: Option<Value>) -> Response {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let path =
            path.replace("{task_uuid}", &self.task).replace("{step_uuid}", &self.step).replace("{worker_id}", WORKER);
        let path =
            path.replace("{namespace}/{name}", "test/it").replace("{name}", "none").replace("{version}", "1.0.0");
        let nothing = "01890000-0000-7000-8000-000000000000";
        let path = path.replace("{key_id}", nothing).replace("{delivery_id}", nothing);
        let path = path.replace("{webhook_id}", &self.webhook);
        let request =
            self.client.request(Method::from_bytes(method.as_bytes()).expect("a method"), self.server.url(&path));
        let request = if secret.is_empty() { request } else { request.bearer_auth(secret) };
        let request = match body {
            Some(Value::String(yaml)) => request.header("content-type", "application/yaml").body(yaml),
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    /// The status, and the code of a problem.
    async fn answer(&self, secret: &str, route: &str, body: Option<Value>) -> (u16, String) {
        let answer = self.send(secret, route, body).await;
        let status = answer.status().as_u16();
        // The streams of events do not end.
        let problem: Value = if status >= 400 { answer.json().await.expect("JSON") } else { Value::Null };
        let text = problem.to_string().to_lowercase();
        assert!(
            !["select ", "insert ", "sqlx", "sqlite", "postgres", "tasker.tasks"]
                .iter()
                .any(|word| text.contains(word)),
            "{text}"
        );
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// Of one namespace, and of a template that does not exist, so that nothing is sent.
fn new_webhook() -> Value {
    json!({"name": "it", "url": "https://example.com/hooks", "namespace": "test", "template": "none"})
}

#[tokio::test]
async fn every_route_asks_for_its_permission_and_no_other() {
    let document: Value = serde_json::from_str(&tasker(std::path::Path::new("."), &["openapi"]).stdout).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let routes = paths.flat_map(|(path, methods)| {
        methods.as_object().expect("methods").keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let decided: BTreeSet<String> = ROUTES.iter().map(|(route, ..)| (*route).to_owned()).collect();
    assert_eq!(routes.collect::<BTreeSet<_>>(), decided, "routes, and those that the table has");

    let guarded = Guarded::start().await;
    let keys = VERBS.map(|verb| (verb, key(&guarded.home, &["--allow", verb])));
    for (route, permission, reach) in ROUTES {
        let without = guarded.answer("", route, None).await;
        if reach == Public {
            assert_eq!(without, (200, String::new()), "{route}");
            continue;
        }
        assert_eq!(without, (401, "key_missing".to_owned()), "{route}");
        for (verb, secret) in &keys {
            // Nothing that it asks for is there, or fits: whoever may ask is told so.
            let (status, code) = guarded.answer(secret, route, Some(json!([]))).await;
            let is_allowed = *verb == permission || *verb == "admin";
            assert_eq!(code != "permission_missing", is_allowed, "{route} with {verb}: {status} {code}");
            assert_eq!(status == 403, !is_allowed, "{route} with {verb}: {status} {code}");
        }
    }
}

#[tokio::test]
async fn a_key_reaches_no_further_than_its_namespaces() {
    let guarded = Guarded::start().await;
    let verbs = VERBS[..6].join(",");
    let inside = key(&guarded.home, &["--allow", &verbs, "--in", "test"]);
    let outside = key(&guarded.home, &["--allow", &verbs, "--in", "other"]);
    let record = |queue: &str| json!({"worker_id": WORKER, "host": "here", "pid": 1, "language": "shell", "slots": 1, "handlers": ["a"], "queues": [queue]});
    let joined = guarded.send(&inside, "POST /v1/workers", Some(record("test"))).await;
    assert_eq!(joined.status(), 200);
    let body = |route: &str| match route {
        "POST /v1/templates" => Some(json!(template("new", &[("a", &[])]))),
        "POST /v1/tasks" => Some(json!({"namespace": "test", "name": "it", "context": {}})),
        "POST /v1/tasks/bulk" => Some(json!({"tasks": [{"namespace": "test", "name": "it", "context": {}}]})),
        "POST /v1/tasks/actions" => Some(json!({"action": {"type": "pause"}, "ids": [guarded.task]})),
        "POST /v1/events/next" => Some(json!({"namespace": "test"})),
        "POST /v1/workers" => Some(record("test")),
        "POST /v1/webhooks" => Some(new_webhook()),
        "POST /v1/tasks/{task_uuid}/priority" => Some(json!({"priority": 1})),
        _ if route.starts_with("PATCH") => Some(json!({"action_type": "reset_for_retry"})),
        "POST /v1/workers/{worker_id}/work" => Some(json!({})),
        "POST /v1/workers/{worker_id}/leases" => Some(json!({"leases": []})),
        "POST /v1/workers/{worker_id}/checkpoints" => {
            Some(json!({"lease": {"task_id": guarded.task, "step_idx": 0, "attempt": 1}, "checkpoint": {"cursor": 1}}))
        }
        _ => None,
    };
    for (route, _, reach) in ROUTES {
        let asked = match route {
            // A list names its namespace behind the path.
            "GET /v1/templates" | "GET /v1/tasks" | "GET /v1/events" => format!("{route}?namespace=test"),
            _ if route.ends_with("/diff") => format!("{route}?from=1.0.0"),
            _ => route.to_owned(),
        };
        let (own, other) =
            (guarded.answer(&inside, &asked, body(route)).await, guarded.answer(&outside, &asked, body(route)).await);
        match reach {
            Public => {}
            All => assert_eq!((own.0, other.0), (403, 403), "{route}"),
            Named => assert_eq!((own.0 != 403, other.0), (true, 403), "{route}: {own:?}"),
            Task if route == "POST /v1/tasks/bulk" => {
                assert_eq!((own.0, other.0), (200, 200), "each is answered by itself")
            }
            Task => {
                assert_eq!(other, (404, "task_not_found".to_owned()), "{route}");
                assert_ne!(own, other, "{route}");
            }
            Filtered => assert_eq!((own.0, other.0), (200, 200), "{route}"),
            Hook => {
                assert_eq!(other, (404, "webhook_not_found".to_owned()), "{route}");
                assert_ne!(own, other, "{route}");
            }
            Worker => {
                assert_eq!(other, (404, "worker_unknown".to_owned()), "{route}");
                assert_ne!(own, other, "{route}");
            }
        }
    }
    let bulk = guarded.send(&outside, "POST /v1/tasks/bulk", body("POST /v1/tasks/bulk")).await;
    let bulk: Value = bulk.json().await.expect("JSON");
    assert_eq!((&bulk["submitted"], &bulk["items"][0]["error"]["code"]), (&0.into(), &"permission_missing".into()));
    // A template that starts tasks elsewhere would reach further than the key.
    let reaching = "name: reaching\nnamespace: other\nversion: 1.0.0\nsteps:\n  - {name: a, type: workflow, workflow: {namespace: test, name: it}}\n";
    let refused = guarded.answer(&outside, "POST /v1/templates", Some(json!(reaching))).await;
    assert_eq!(refused, (403, "permission_missing".to_owned()));
    let bodies = [("GET /v1/tasks", 0), ("GET /v1/templates", 1), ("GET /v1/webhooks", 0)];
    for (route, count) in bodies {
        let listed: Value = guarded.send(&outside, route, None).await.json().await.expect("JSON");
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(count), "{route}");
    }
}

#[tokio::test]
async fn a_worker_of_one_namespace_cannot_touch_the_leases_of_another() {
    let guarded = Guarded::start().await;
    let record = |id: &str| json!({"worker_id": id, "host": "here", "pid": 1, "language": "shell", "slots": 1, "handlers": ["a"], "queues": []});
    let (own, foreign) = (
        key(&guarded.home, &["--allow", "work", "--in", "test"]),
        key(&guarded.home, &["--allow", "work", "--in", "other"]),
    );
    let other = WORKER.replace("04", "05");
    for (secret, id) in [(&own, WORKER), (&foreign, other.as_str())] {
        assert_eq!(guarded.send(secret, "POST /v1/workers", Some(record(id))).await.status(), 200);
    }
    let ask = async |secret: &str, id: &str, what: &str, body: Value| {
        let answer = guarded.send(secret, &format!("POST /v1/workers/{id}/{what}"), Some(body)).await;
        assert_eq!(answer.status(), 200, "{what}");
        answer.json::<Value>().await.expect("JSON")
    };
    assert_eq!(ask(&foreign, &other, "work", json!({"want": 1})).await["assignments"], json!([]));
    let claimed = ask(&own, WORKER, "work", json!({"call": 1, "want": 1})).await;
    let lease = claimed["assignments"][0]["lease"].clone();
    assert!(lease.is_object(), "{claimed}");
    assert_eq!(ask(&foreign, &other, "leases", json!({"leases": [lease]})).await["until"], json!([null]));
    let reached = json!({"lease": lease, "checkpoint": {"cursor": 1}});
    assert_eq!(ask(&foreign, &other, "checkpoints", reached).await["until"], Value::Null);
    let report = json!({"reports": [{"lease": lease, "outcome": {"succeeded": {"result": "forged"}}}]});
    assert_eq!(ask(&foreign, &other, "work", report.clone()).await["verdicts"], json!(["stale_lease"]));
    assert_eq!(ask(&own, WORKER, "work", report).await["verdicts"], json!(["accepted"]));
}

#[tokio::test]
async fn payloads_are_left_out_for_those_who_may_not_read_them() {
    let guarded = Guarded::start().await;
    let record = json!({"worker_id": WORKER, "host": "here", "pid": 1, "language": "shell", "slots": 1, "handlers": ["a"], "queues": []});
    assert_eq!(guarded.send(&guarded.admin, "POST /v1/workers", Some(record)).await.status(), 200);
    let work = "POST /v1/workers/{worker_id}/work";
    let claimed: Value = guarded.send(&guarded.admin, work, Some(json!({"want": 1}))).await.json().await.expect("JSON");
    let error = json!({"kind": "permanent", "code": "broken", "message": "no", "context": {"secret": PAYLOAD}});
    let report =
        json!({"reports": [{"lease": claimed["assignments"][0]["lease"], "outcome": {"failed": {"error": error}}}]});
    let reported: Value = guarded.send(&guarded.admin, work, Some(report)).await.json().await.expect("JSON");
    assert_eq!(reported["verdicts"], json!(["accepted"]), "{reported}");

    let (reader, knower) =
        (key(&guarded.home, &["--allow", "read"]), key(&guarded.home, &["--allow", "read,read_payloads"]));
    let mut shown = BTreeSet::new();
    let reads = || ROUTES.iter().filter(|(route, permission, _)| *permission == "read" && !route.ends_with("events"));
    for round in ["failed", "given by hand"] {
        for (route, ..) in reads() {
            let body = (*route == "POST /v1/events/next").then(|| json!({"after": "start"}));
            let hidden = guarded.send(&reader, route, body.clone()).await.text().await.expect("text");
            assert!(!hidden.contains(PAYLOAD), "{route}, {round}: {hidden}");
            if guarded.send(&knower, route, body).await.text().await.expect("text").contains(PAYLOAD) {
                shown.insert(*route);
            }
        }
        let retried = guarded.send(&guarded.admin, "POST /v1/tasks/{task_uuid}/retry", None).await;
        let by_hand = json!({"action_type": "complete_manually", "result": PAYLOAD});
        let given =
            guarded.send(&guarded.admin, "PATCH /v1/tasks/{task_uuid}/workflow_steps/{step_uuid}", Some(by_hand)).await;
        assert_eq!(
            (retried.status().as_u16(), given.status().as_u16()),
            if round == "failed" { (200, 200) } else { (409, 409) }
        );
    }
    let wanted = ["", "/history", "/workflow_steps", "/workflow_steps/{step_uuid}"]
        .map(|rest| format!("GET /v1/tasks/{{task_uuid}}{rest}"));
    assert!(wanted.iter().all(|route| shown.contains(route.as_str())), "{shown:?}");
}

#[tokio::test]
async fn a_key_that_was_revoked_elsewhere_is_refused_soon() {
    let guarded = Guarded::start().await;
    let secret = key(&guarded.home, &["--allow", "read"]);
    assert_eq!(guarded.answer(&secret, "GET /v1/tasks", None).await.0, 200);
    let folder = guarded.home.folder.path();
    let revoked = tasker(folder, &["key", "revoke", &secret[..12], "--store", &guarded.home.store, "-o", "json"]);
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    let began = std::time::Instant::now();
    while guarded.answer(&secret, "GET /v1/tasks", None).await != (401, "key_invalid".to_owned()) {
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "it is taken still");
    }
}
