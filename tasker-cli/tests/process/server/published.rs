//! Servers that publish what happens to NATS.

use serde_json::Value;
use tasker_core::events::throwaway::NatsServer;

use super::{Home, Server};
use crate::command::tasker;

const TEMPLATE: &str = "
name: alone
namespace: shop
version: 1.0.0
steps: [{name: work, handler: {callable: nobody_has_it}}]
";

#[test]
fn the_log_goes_to_nats_and_another_server_takes_over_from_one_that_is_killed() {
    let Some(nats) = NatsServer::start() else { return };
    let home = Home::new();
    let start = || Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--nats", &nats.url()]);
    let (mut first, second) = (start(), start());
    std::fs::write(home.folder.path().join("alone.yaml"), TEMPLATE).expect("a file");
    let run = |words: &[&str]| tasker(home.folder.path(), &[words, &["--store", &home.store, "-o", "json"]].concat());
    assert_eq!(run(&["template", "register", "alone.yaml"]).code, 0);
    let carried_behind = |before: &str| loop {
        let relays = run(&["relay", "list"]).json();
        let relay = &relays["items"][0];
        let cursor = relay["cursor"].as_str().unwrap_or_default();
        if relay["behind_ms"] == 0 && !relay["moved_at"].is_null() && cursor != before {
            return (cursor.to_owned(), relay["holder"].clone());
        }
    };
    assert_eq!(run(&["task", "submit", "shop/alone", "-i", "{}"]).code, 0);
    let (cursor, holder) = carried_behind("0.00000000000000000000000000000000.0");
    assert!(holder.is_string());

    first.kill();
    assert_eq!(run(&["task", "submit", "shop/alone", "-i", "{}"]).code, 0);
    carried_behind(&cursor);
    drop(second);
    assert_eq!(run(&["relay", "forget", "nats"]).code, 0);
    assert_eq!(run(&["relay", "list"]).json()["items"], Value::Array(Vec::new()));
    assert_eq!(run(&["relay", "forget", "nats"]).error_code(), "relay_not_found");
    let refused = run(&["relay", "run", "--nats", "http://127.0.0.1:1"]);
    assert_eq!(refused.error_code(), "nats_url_invalid");
}
