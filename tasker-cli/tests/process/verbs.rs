//! Commands answer the same on a store of either kind and over a server: every one of them is tried in all three places.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use serde_json::{Value, json};
use tasker_core::model::Timestamp;
use tempfile::tempdir;
use uuid::Uuid;

use crate::{
    command::tasker,
    operate::{Place, everywhere},
    server::template,
    worker::Worker,
};

/// Commands that ask nobody, or are the place itself.
const ALONE: [&str; 13] = [
    "bench",
    "completions",
    "demo",
    "dev",
    "doctor",
    "explain",
    "migrate",
    "openapi",
    "relay",
    "retention",
    "schema",
    "server",
    "template graph",
];

/// What is done in every place, in this order. `#1` is the first task that was submitted, `%1` the first key that was made.
const WALK: [&str; 77] = [
    "template lint pair.yaml",
    "template register pair.yaml",
    "template register pair.yaml wait.yaml",
    "template register newer.yaml",
    "template register broken.yaml",
    "template list",
    "template show test/pair",
    "template show test/pair@1.0.0",
    "template show test/none",
    "template diff test/pair@1.0.0 test/pair",
    "template diff test/pair wait.yaml",
    "task submit test/pair@1.0.0 -i {\"n\":1.50} --tag blue --initiator ada --priority 3 --correlation-id c",
    "task submit test/pair@1.0.0 -s n=2 --tag blue --idempotency-key k",
    "task submit test/pair@1.0.0 -s n=3 --idempotency-key k",
    "task submit test/pair -i 7",
    "task submit test/none",
    "task get #1",
    "task get 01890000-0000-7000-8000-000000000000",
    "task list",
    "task list --with-tag blue --state pending,in_progress --limit 1",
    "task why #1",
    "task history #1",
    "task history #1 --step a",
    "task pause #1 --by ada --reason lunch",
    "task resume #1 --by ada",
    "task priority #1 --to -3",
    "task retry #1",
    "task resolve #1 --step a --result {\"given\":1} --by ada",
    "task resolve #1 --step b --result 7 --complete",
    "task wait #1",
    "task submit test/gate",
    "task watch #1",
    "task cancel #1",
    "task rerun #1 --by ada",
    "task rerun #1 --from-step b --set-result a={\"given\":2}",
    "task cancel --with-tag blue --state pending --dry-run",
    "task cancel --with-tag blue --state pending --yes --reason old",
    "task pause #1 #2 01890000-0000-7000-8000-000000000000",
    "task wait #2",
    "task resolve #2 --whole",
    "task signal #5 nothing",
    "task signal #5 approved --payload {\"ok\":true} --by grace",
    "task wait #5",
    "task wait #4 --timeout 1ms",
    "stats",
    "key create one --allow read,submit --in test --lifetime 1h --by ada --reason try",
    "key create two --allow everything",
    "key list",
    "key revoke %1 --by ada",
    "key revoke %1",
    "webhook create hook https://example.com/hook --type task.completed --in other --by ada --reason try",
    "webhook create hook ftp://example.com",
    "webhook list",
    "webhook show hook",
    "webhook show none",
    "webhook disable hook --by ada --reason moved",
    "webhook deliveries hook",
    "webhook deliveries hook --limit 1 --state failed",
    "webhook redeliver hook 01890000-0000-7000-8000-000000000000",
    "webhook enable hook --by ada",
    "webhook redeliver hook 01890000-0000-7000-8000-000000000000",
    "webhook rotate hook --by ada",
    "webhook delete hook --by ada",
    "webhook list",
    "worker list",
    "events tail --after start --count 3",
    // No event is of this namespace, so that nothing is sent.
    "webhook create billing https://example.com/hooks --in nowhere --by ada --reason try",
    "webhook create unsafe http://127.0.0.1/hooks",
    "webhook list",
    "webhook show billing",
    "webhook disable billing --by ada",
    "webhook enable billing --by ada",
    "webhook rotate billing --by ada",
    "webhook deliveries billing",
    "webhook redeliver billing 01890000-0000-7000-8000-000000000000",
    "webhook delete billing --by ada",
    "webhook show billing",
];

#[test]
fn every_command_answers_the_same_on_a_store_and_over_a_server() {
    let walked = WALK.iter().map(|line| line.split(' ').take_while(|word| !word.starts_with('-')));
    let walked: BTreeSet<String> = walked.map(|words| words.collect::<Vec<_>>().join(" ")).collect();
    for command in commands() {
        let is_alone = ALONE.iter().any(|alone| command.split(' ').zip(alone.split(' ')).all(|(a, b)| a == b));
        let is_walked = walked.iter().any(|words| format!("{words} ").starts_with(&format!("{command} ")));
        assert!(is_alone != is_walked, "`tasker {command}` is tried nowhere, or named twice");
    }
    let mut answers = Vec::new();
    everywhere(|place| answers.push(walk(place)));
    let (first, others) = answers.split_first().expect("a place");
    let pairs = others.iter().flat_map(|other| WALK.iter().zip(first.iter().zip(other)));
    let other: Vec<_> = pairs.filter(|(_, (first, other))| first != other).collect();
    assert!(other.is_empty(), "{other:#?}");
}

/// The commands that have no further ones below them, from the page that is made from their help.
fn commands() -> Vec<String> {
    let page = include_str!("../../../docs/reference/cli.md");
    let all: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## tasker ")).collect();
    let is_group = |name: &str| all.iter().any(|other| other.starts_with(&format!("{name} ")));
    all.iter().filter(|name| !is_group(name)).map(|name| (*name).to_owned()).collect()
}

/// What each command answers: to programs, and to people where asking again changes nothing.
fn walk(place: &Place<'_>) -> Vec<(Value, Option<String>)> {
    let file = |name: &str, text: &str| fs::write(place.folder.join(name), text).expect("written");
    let pair = template("pair", &[("a", &[]), ("b", &["a"])]);
    file("newer.yaml", &pair.replace("1.0.0", "1.1.0").replace("callable: b", "callable: c"));
    file("broken.yaml", &pair.replace("version: 1.0.0", "version: one"));
    file(
        "wait.yaml",
        "name: gate\nnamespace: test\nversion: 1.0.0\nsteps:\n  - {name: gate, type: wait, wait: {signal: approved}}\n",
    );
    let _worker = idle(place);
    let mut walker = Walker { place, tasks: Vec::new(), keys: Vec::new() };
    WALK.iter().map(|line| walker.answer(line)).collect()
}

/// Goes through the commands in one place.
struct Walker<'a> {
    place: &'a Place<'a>,
    tasks: Vec<String>,
    keys: Vec<String>,
}

impl Walker<'_> {
    fn answer(&mut self, line: &str) -> (Value, Option<String>) {
        let words: Vec<String> = line.split(' ').map(|word| self.named(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // A signal may come before the wait, but then other events follow.
        while line.starts_with("task signal") && self.place.step(words[2], "gate")["started_at"].is_null() {}
        let ran = self.place.run(&words);
        let documents = ran.json_lines();
        for document in &documents {
            if let (true, Some(id)) = (line.starts_with("task submit"), document["task_uuid"].as_str()) {
                self.tasks.push(id.to_owned());
            }
            self.keys.extend(document["key"]["key_id"].as_str().map(str::to_owned));
        }
        let failure: Value = serde_json::from_str(&ran.stderr).unwrap_or_default();
        let mut answer = json!({"code": ran.code, "documents": documents, "error": failure});
        mask(&mut answer, &mut HashMap::new());
        let is_read = words.iter().take(2).any(|word| READS.contains(word));
        let shown = is_read.then(|| tasker(self.place.folder, &[&words[..], &self.place.at].concat()));
        (answer, shown.map(|ran| plain(&format!("{} {} {}", ran.code, ran.stdout, ran.stderr))))
    }

    fn named(&self, word: &str) -> String {
        let at = |list: &[String]| list[word[1..].parse::<usize>().expect("a number") - 1].clone();
        match word.chars().next() {
            Some('#') => at(&self.tasks),
            Some('%') => at(&self.keys),
            _ => word.to_owned(),
        }
    }
}

/// Verbs that change nothing, so that they may be asked again for people.
const READS: [&str; 10] = ["get", "list", "why", "history", "show", "diff", "stats", "wait", "watch", "tail"];

/// A worker of another namespace, so that there is one to list.
fn idle(place: &Place<'_>) -> Worker {
    let mut worker = Worker::start(
        place.folder,
        &[place.at[0], place.at[1], "--namespace", "elsewhere", "--templates", "wait.yaml"],
    );
    worker.read_until(|line| line["type"] == "template.registered");
    worker
}

/// What differs from one run to the next is replaced: ids by their order, times, spans and secrets.
fn mask(value: &mut Value, ids: &mut HashMap<String, usize>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_run =
                    name.ends_with("_ms") || ["secret", "prefix", "pid", "cursor", "at"].contains(&name.as_str());
                if is_run && !value.is_null() { *value = json!(name) } else { mask(value, ids) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, ids)),
        Value::String(text) if serde_json::from_value::<Timestamp>(json!(text)).is_ok() => *text = "a time".to_owned(),
        Value::String(text) => {
            let mark = |letter: char| !letter.is_ascii_alphanumeric();
            let words = text.split(' ').map(|word| match word.trim_matches(mark).parse::<Uuid>() {
                Ok(id) => {
                    let next = ids.len();
                    format!("id {}", ids.entry(id.to_string()).or_insert(next))
                }
                Err(_) => word.to_owned(),
            });
            *text = words.collect::<Vec<_>>().join(" ");
        }
        _ => {}
    }
}

/// The words of a text for people without numbers, units and columns.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !["s", "ms", "µs"].contains(word));
    words
        .map(|word| if word.contains(|letter: char| letter.is_ascii_digit()) { "0" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_command_that_works_on_a_store_is_not_given_a_server() {
    let folder = tempdir().expect("a folder");
    let url = ["--api", "http://127.0.0.1:9", "-o", "json"];
    for line in ["doctor", "migrate", "relay list", "retention run --older-than 1h", "server"] {
        let words: Vec<&str> = line.split(' ').chain(url).collect();
        let ran = tasker(folder.path(), &words);
        assert_eq!((ran.code, ran.error_code().as_str()), (2, "usage"), "{line}");
    }
    assert!(!Path::exists(&folder.path().join("tasker.db")), "nothing was made in the meantime");
}
