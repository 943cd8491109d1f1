//! What is over a limit is refused where it enters, with the field and the limit, and nothing of it is stored.

use serde_json::{Value, json};
use tasker_core::model::limits;

use super::{Home, Server, client, submitted, template};

struct Asker {
    server: Server,
    client: reqwest::Client,
}

impl Asker {
    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(self.server.url(path));
        let request = match body {
            Value::String(yaml) => request.header("content-type", "application/yaml").body(yaml.clone()),
            body => request.json(body),
        };
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(self.server.url(path)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_what_just_fits_is_taken() {
    let home = Home::new();
    let asker = Asker { server: home.start(), client: client() };
    let task = submitted(&asker.client, &asker.server, template("it", &[("a", &[])]), "it").await;
    let steps = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("s{number}")).collect();
        let steps: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
        json!(template("many", &steps))
    };
    let attempts = |count: u32| {
        json!(template("tried", &[("a", &[])]).replace("}, dep", &format!("}}, retry: {{max_attempts: {count}}}, dep")))
    };
    let described = |bytes: usize| {
        json!(template("long", &[("a", &[])]).replace("version", &format!("description: {}\nversion", text(bytes))))
    };
    let input = |bytes: usize| json!({"namespace": "test", "name": "it", "context": text(bytes)});
    let tasks = |count: usize| json!({"tasks": vec![json!({"namespace": "test", "name": "none"}); count]});
    let ids = |count: usize| json!({"action": {"type": "pause"}, "ids": vec![&task; count], "dry_run": true});
    let tags = |count: usize| json!({"namespace": "test", "name": "it", "tags": vec!["a"; count]});
    let signed = |bytes: usize| json!({"namespace": "test", "name": "it", "initiator": text(bytes)});
    let fits = limits::PAYLOAD_BYTES - 2;
    for (path, most, over, code) in [
        ("/v1/templates", steps(500), steps(limits::TEMPLATE_STEPS + 1), "template_invalid"),
        ("/v1/templates", attempts(limits::ATTEMPTS), attempts(limits::ATTEMPTS + 1), "template_invalid"),
        (
            "/v1/templates",
            described(limits::TEMPLATE_BYTES - 1_000),
            described(limits::TEMPLATE_BYTES),
            "template_invalid",
        ),
        ("/v1/tasks", input(fits), input(fits + 1), "field_invalid"),
        ("/v1/tasks", tags(64), tags(65), "field_invalid"),
        ("/v1/tasks", signed(1_024), signed(1_025), "field_invalid"),
        ("/v1/tasks/bulk", tasks(limits::SUBMISSION), tasks(limits::SUBMISSION + 1), "field_invalid"),
        ("/v1/tasks/actions", ids(limits::PAGE as usize), ids(limits::PAGE as usize + 1), "field_invalid"),
    ] {
        let (status, taken) = asker.post(path, &most).await;
        assert!(status < 300, "{path}: {status} {taken}");
        let (status, refused) = asker.post(path, &over).await;
        assert_eq!((status, refused["code"].as_str()), (422, Some(code)), "{path}: {refused}");
        assert!(refused.to_string().len() < 4_096, "the answer is as long as what was refused");
    }
    for (path, status) in [("/v1/tasks?limit=1000", 200), ("/v1/tasks?limit=1001", 422)] {
        assert_eq!(asker.get(path).await.0, status, "{path}");
    }
    let (_, listed) = asker.get("/v1/tasks?limit=1000").await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(4), "what was refused left nothing behind");
}

#[tokio::test]
async fn a_handler_that_gives_too_much_fails_and_its_error_is_cut() {
    let home = Home::new();
    let asker = Asker { server: home.start(), client: client() };
    let yaml = template("it", &[("a", &[])]);
    let ids = [
        submitted(&asker.client, &asker.server, yaml.clone(), "it").await,
        submitted(&asker.client, &asker.server, yaml, "it").await,
    ];
    let worker = "01890000-0000-7000-8000-000000000006";
    let record = json!({"worker_id": worker, "host": "here", "pid": 1, "language": "shell", "slots": 4, "handlers": ["a"], "queues": []});
    assert_eq!(asker.post("/v1/workers", &record).await.0, 200);
    let work = format!("/v1/workers/{worker}/work");
    assert_eq!(asker.post(&work, &json!({"want": limits::REPORT + 1})).await.0, 422);
    let (_, claimed) = asker.post(&work, &json!({"want": 2})).await;
    let lease = |at: usize| claimed["assignments"][at]["lease"].clone();
    let error = json!({"kind": "permanent", "code": "broken", "message": text(2 * limits::ERROR_BYTES)});
    let reports = json!({"reports": [
        {"lease": lease(0), "outcome": {"succeeded": {"result": text(limits::PAYLOAD_BYTES)}}},
        {"lease": lease(1), "outcome": {"failed": {"error": error}}},
    ]});
    assert_eq!(asker.post(&work, &reports).await.1["verdicts"], json!(["accepted", "accepted"]));
    for id in ids {
        let (_, task) = asker.get(&format!("/v1/tasks/{id}")).await;
        let error = &task["steps"][0]["error"];
        assert_eq!((&task["status"], &task["steps"][0]["results"]), (&"error".into(), &Value::Null));
        let length = error["message"].as_str().map(str::len).expect("a message");
        assert!(length <= limits::ERROR_BYTES, "{} has {length} bytes", error["code"]);
        assert!(error["code"] == "broken" || error["code"] == "result_too_large", "{error}");
    }
}
