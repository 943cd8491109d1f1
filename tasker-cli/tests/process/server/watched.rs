//! The dashboard and the alert rules ask for metrics that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};
use tasker_core::events::throwaway::NatsServer;

use super::{Home, Server, client, submitted, template};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)).expect("it is checked in")
}

/// The metrics that an expression names, with the labels that it asks for.
fn named(text: &str) -> BTreeSet<(String, Vec<String>)> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let found = text.match_indices("tasker_").map(|(at, _)| {
        let rest = &text[at..];
        let (name, rest) = rest.split_at(rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()));
        let asked = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(asked, _)| asked);
        let labels = asked.split(',').filter_map(|part| part.split_once('='));
        // `label!="value"` names it too.
        let labels = labels.map(|(label, _)| label.trim_end_matches('!').trim().to_owned());
        (name.to_owned(), labels.collect())
    });
    found.collect()
}

/// The values of a field, wherever it is.
fn fields<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(inside) => {
            found.extend(inside.get(name).and_then(Value::as_str));
            inside.values().for_each(|value| fields(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| fields(value, name, found)),
        _ => {}
    }
}

/// By the name of each sample, the labels that it has.
fn samples(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut samples: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect(line));
        let labels =
            rest.split(['{', ',']).filter_map(|part| part.split_once("=\"")).map(|(label, _)| label.to_owned());
        samples.entry(name.to_owned()).or_default().extend(labels);
    }
    samples
}

#[tokio::test]
async fn the_dashboard_and_the_alert_rules_name_real_metrics() {
    let (home, nats) = (Home::new(), NatsServer::start());
    let url = nats.as_ref().map(NatsServer::url);
    let mut words: Vec<&str> = url.iter().flat_map(|url| ["--nats", url.as_str()]).collect();
    // Nobody takes spans there: how far they are behind is told all the same.
    words.extend(["--otlp", "http://127.0.0.1:1"]);
    let server = Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &words);
    let hook = json!({"name": "it", "url": "https://example.com", "types": ["none"]});
    assert_eq!(client().post(server.url("/v1/webhooks")).json(&hook).send().await.expect("an answer").status(), 201);
    // One that waits, and one that a worker fails for good.
    submitted(&client(), &server, template("queued", &[("nobody_has_it", &[])]), "queued").await;
    submitted(&client(), &server, template("failed", &[("work", &[])]), "failed").await;
    let worker = "01890000-0000-7000-8000-000000000003";
    let post = async |path: String, body: Value| -> Value {
        let answer = client().post(server.url(&path)).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success());
        answer.json().await.expect("JSON")
    };
    let record = json!({"worker_id": worker, "host": "here", "pid": 1, "language": "rust", "slots": 1, "handlers": ["work"], "queues": []});
    post("/v1/workers".to_owned(), record).await;
    let work = format!("/v1/workers/{worker}/work");
    let claimed = post(work.clone(), json!({"call": 1, "want": 1, "wait_ms": 10_000})).await;
    let error = json!({"kind": "permanent", "code": "broken", "message": "for good"});
    let report = json!({"lease": claimed["assignments"][0]["lease"], "outcome": {"failed": {"error": error}}});
    post(work, json!({"call": 2, "reports": [report], "want": 0})).await;

    let answer = client().get(server.url("/metrics")).send().await.expect("an answer");
    let known = samples(&answer.text().await.expect("text"));
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).expect("JSON");
    let mut asked = Vec::new();
    fields(&dashboard, "expr", &mut asked);
    fields(&dashboard, "query", &mut asked);
    let rules = read("prometheus-rules.yaml");
    let asked: BTreeSet<_> = asked.into_iter().chain([rules.as_str()]).flat_map(named).collect();
    assert!(asked.len() > 30, "they ask for something");
    for (name, labels) in asked {
        let has = known.get(&name).unwrap_or_else(|| panic!("there is no metric {name}"));
        let missing: Vec<_> = labels.iter().filter(|label| !has.contains(*label)).collect();
        assert!(missing.is_empty(), "{name} has no label {missing:?}");
    }
}
