//! The documents about the API are true: the one for programs, and the one for people.

use std::{env, fs, path::Path, process::Command};

use serde_json::Value;

use super::Home;
use crate::command::tasker;

const OPENAPI: &str = "docs/reference/openapi.json";

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_openapi_document_is_checked_in() {
    let printed = tasker(root(), &["openapi"]);
    assert_eq!(printed.code, 0);
    let path = root().join(OPENAPI);
    if env::var_os("TASKER_BLESS").is_some() {
        fs::write(&path, &printed.stdout).expect("it is written");
    }
    let checked_in = fs::read_to_string(&path).expect("it is checked in");
    assert!(checked_in == printed.stdout, "{OPENAPI} is out of date: write it anew with TASKER_BLESS=1");
}

/// The examples in the order of the text, as one script.
fn examples(text: &str) -> String {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let curl = "curl() { command curl --silent --show-error --fail-with-body --max-time 30 \"$@\"; }";
    ["set -euo pipefail", curl].into_iter().chain(blocks).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_endpoint_has_an_example_that_works() {
    let text = fs::read_to_string(root().join("docs/reference/rest.md")).expect("the page");
    let document: Value = serde_json::from_str(&tasker(root(), &["openapi"]).stdout).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let heading = format!("\n### `{} {path}`\n", method.to_uppercase());
            let section = text.split_once(&heading).and_then(|(_, rest)| rest.split("\n#").next());
            assert!(section.is_some_and(|section| section.contains("```sh\n")), "no example under{heading}");
        }
    }

    let home = Home::new();
    let server = home.start();
    let mut script = Command::new("bash");
    let ran = script.arg("-c").arg(examples(&text)).env("TASKER_API_URL", &server.url).output().expect("bash runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{stdout}\n{stderr}");
}
