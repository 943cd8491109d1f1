//! What Prometheus reads is what happened.

use std::collections::BTreeMap;

use serde_json::Value;
use tasker_core::model::Json;
use tasker_worker::{Client, client::SubmitTask};

use super::{Home, Server, client, submitted, template};
use crate::worker::Worker;

const TASKS: usize = 20;
const STEPS: usize = 6;

/// The samples of a text in the exposition format: by name, with labels and value. What the format forbids fails.
struct Exposition {
    kinds: BTreeMap<String, String>,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Exposition {
    fn parse(text: &str) -> Self {
        let (mut kinds, mut samples) = (BTreeMap::new(), Vec::new());
        for line in text.lines() {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').expect(line);
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is declared twice");
            } else if !line.starts_with('#') {
                samples.push(sample(line));
            }
        }
        let parsed = Self { kinds, samples };
        for (name, ..) in &parsed.samples {
            assert!(!parsed.kind(name).is_empty());
        }
        parsed
    }

    /// What the family of a sample is declared as; its name without what the kind puts behind it.
    fn kind(&self, name: &str) -> &str {
        let of = |suffix: &str| name.strip_suffix(suffix).and_then(|family| self.kinds.get(family));
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| of(suffix));
        let kind = self.kinds.get(name).or(of("_total")).or(histogram);
        kind.unwrap_or_else(|| panic!("{name} is not declared"))
    }

    /// The sum of the samples of this name that have these labels.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |known: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| known.get(*label).is_some_and(|known| known == value))
        };
        self.samples.iter().filter(|(known, labels, _)| known == name && has(labels)).map(|(.., value)| value).sum()
    }
}

/// `name{label="value",...} number`
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (name, mut rest) = line.split_at(line.find(['{', ' ']).expect(line));
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.split_once("=\"").expect(line);
            let mut value = String::new();
            let mut letters = quoted.char_indices();
            rest = loop {
                match letters.next().expect(line) {
                    (_, '\\') => value.push(letters.next().expect(line).1),
                    (at, '"') => break &quoted[at + 1..],
                    (_, letter) => value.push(letter),
                }
            };
            labels.insert(label.to_owned(), value);
            rest = rest.trim_start_matches(',');
        }
        rest = &rest[1..];
    }
    (name.to_owned(), labels, rest.trim().parse().expect(line))
}

async fn read(client: &reqwest::Client, server: &Server) -> Exposition {
    let answer = client.get(server.url("/metrics")).send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    Exposition::parse(&answer.text().await.expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_steps_batches_queues_and_connections_are_counted() {
    let home = Home::new();
    let (server, client) = (home.start(), client());
    let mut worker = Worker::start(home.folder.path(), &["--api", &server.url]);
    worker.read_until(|line| line["template"]["name"] == "ecommerce_order");
    let mut input: Value =
        serde_json::from_str(include_str!("../../../../examples/ecommerce_order/input.json")).expect("JSON");
    input["payment_token"] = "tok_visa".into();
    let asked = Client::http(&server.url, None).expect("a client");
    let request = SubmitTask::new("ecommerce", "ecommerce_order", Json::from(&input));
    let tasks = asked.submit_many(vec![request; TASKS]).await.expect("they are stored");
    for item in &tasks.items {
        asked.wait(item.task_uuid.expect("an id"), std::time::Duration::from_secs(60)).await.expect("it ends");
    }
    let waiting = submitted(&client, &server, template("queued", &[("nobody_has_it", &[])]), "queued").await;

    let metrics = read(&client, &server).await;
    let order = [("namespace", "ecommerce"), ("template", "ecommerce_order")];
    let complete = [order[0], order[1], ("state", "complete")];
    let count = |name: &str, labels: &[(&str, &str)]| metrics.value(&format!("tasker_{name}"), labels);
    for (name, labels, expected) in [
        ("tasks_submitted_total", &order[..], TASKS),
        ("steps_claimed_total", &order, TASKS * STEPS),
        ("steps_ended_total", &complete, TASKS * STEPS),
        ("tasks_ended_total", &complete, TASKS),
        ("step_seconds_count", &order, TASKS * STEPS),
        ("step_seconds_bucket", &[order[0], order[1], ("le", "+Inf")], TASKS * STEPS),
        ("task_seconds_count", &order, TASKS),
        ("report_outcomes_sum", &[], TASKS * STEPS),
        ("claim_steps_sum", &[], TASKS * STEPS),
        ("submission_tasks_sum", &[], TASKS + 1),
        ("submission_tasks_count", &[], 2),
        ("queue_steps", &[("queue", "test"), ("handler", "nobody_has_it")], 1),
        ("steps_running", &[], 0),
        ("worker_slots", &[], 64),
        ("http_requests_total", &[("route", "/v1/tasks/bulk"), ("method", "POST"), ("status", "200")], 1),
    ] {
        assert!((count(name, labels) - expected as f64).abs() < 0.5, "{name}: {} of {expected}", count(name, labels));
    }
    assert!(count("report_outcomes_count", &[]) <= (TASKS * STEPS) as f64);
    assert!(count("task_seconds_sum", &order) > 0.0 && count("queue_oldest_seconds", &[("queue", "test")]) >= 0.0);
    let pools = count("pool_connections", &[]);
    assert!(pools > 0.0 && pools <= count("pool_limit", &[]), "{pools} connections");
    assert!(count("commits_total", &[]) > 0.0);

    let mut values = metrics.samples.iter().flat_map(|(_, labels, _)| labels.values());
    assert!(values.all(|value| !value.contains(&waiting) && value.parse::<uuid::Uuid>().is_err()), "an id is a label");
    for (name, labels, value) in &metrics.samples {
        // Each bucket holds those below it too.
        let is_last = labels.get("le").is_some_and(|bound| bound == "+Inf");
        let rest: Vec<_> =
            labels.iter().filter(|(label, _)| *label != "le").map(|(a, b)| (a.as_str(), b.as_str())).collect();
        if let (true, Some(family)) = (is_last, name.strip_suffix("_bucket")) {
            assert!((metrics.value(&format!("{family}_count"), &rest) - value).abs() < 0.5, "{name}");
        }
        assert!(metrics.kind(name) != "counter" || name.ends_with("_total"), "{name}");
    }
}
