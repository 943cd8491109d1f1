//! Words that must not be named, and where. Every rule carries an example that it refuses, and a test that it does.

use crate::rust_code::{is_whole_word, test_ranges};
use crate::tree::{Fault, File, Tree};

struct Forbidden {
    words: &'static [&'static str],
    /// The files that the rule is about, by path.
    within: fn(&str) -> bool,
    text: Text,
    why: &'static str,
    /// A path and a text that break the rule.
    example: (&'static str, &'static str),
}

enum Text {
    /// Comments and strings do not count (of Rust; in other languages they do).
    Code,
    /// Code that only tests compile or run.
    CodeOfTests,
    Everything,
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        words: &["tokio", "sqlx", "axum"],
        within: |path| ["model", "template", "dag", "state"].iter().any(|layer| is_layer(path, layer)),
        text: Text::Code,
        why: "the pure layers do no I/O, so that they can be tested by value",
        example: ("tasker-core/src/state/mod.rs", "use tokio::time::Instant;"),
    },
    Forbidden {
        words: &["sqlx"],
        within: |path| path.contains("/src/") && !is_layer(path, "store"),
        text: Text::Code,
        why: "only the store knows the database; everything else speaks the verbs of `Store`",
        example: ("tasker-worker/src/lib.rs", "fn f(pool: &sqlx::PgPool) {}"),
    },
    Forbidden {
        words: &["async_nats"],
        within: |path| path.contains("/src/") && !path.starts_with("tasker-core/src/events/nats/"),
        text: Text::Code,
        why: "NATS can be lost or left out; only events/nats depends on it",
        example: ("tasker-core/src/orchestration/submit.rs", "async_nats::connect(url)"),
    },
    Forbidden {
        words: &["opentelemetry_proto"],
        within: |path| path.contains("/src/") && !path.starts_with("tasker-core/src/events/spans/"),
        text: Text::Code,
        why: "spans are made from the log; nothing that runs tasks knows how they are told",
        example: ("tasker-worker/src/lib.rs", "use opentelemetry_proto::tonic::trace::v1::Span;"),
    },
    Forbidden {
        words: &["StatusCode"],
        within: |path| path.contains("/src/") && !is_layer(path, "api") && !path.starts_with("tasker-cli/"),
        text: Text::Code,
        why: "only api and the command know HTTP; below them an error has a kind",
        example: ("tasker-core/src/orchestration/error.rs", "StatusCode::CONFLICT"),
    },
    Forbidden {
        words: &["tasker_worker", "tasker_cli"],
        within: |path| path.starts_with("tasker-core/"),
        text: Text::Code,
        why: "the engine knows nothing of those that call it",
        example: ("tasker-core/tests/engine.rs", "use tasker_worker::Worker;"),
    },
    Forbidden {
        words: &["axum", "clap", "tasker_cli"],
        within: |path| path.starts_with("tasker-worker/"),
        text: Text::Code,
        why: "wheels, gems and npm packages are built from tasker-worker, without a server and a command line",
        example: ("tasker-worker/src/lib.rs", "use axum::Router;"),
    },
    Forbidden {
        words: &["tasker_core::", "tasker_cli::", "axum", "clap", "sqlx"],
        within: |path| path.starts_with("bindings-") && path.ends_with(".rs"),
        text: Text::Code,
        why: "a binding names tasker-worker only, so that no logic is written again per language",
        example: ("bindings-python/src/lib.rs", "use tasker_core::model::TaskId;"),
    },
    Forbidden {
        words: &["[ignore", "ignore]"],
        within: is_rust,
        text: Text::Code,
        why: "a test that does not run shows nothing: mend it or remove it",
        example: ("tasker-core/src/dag/mod.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}"),
    },
    Forbidden {
        words: &["sleep("],
        within: |_| true,
        text: Text::CodeOfTests,
        why: "a sleep is too short on a busy machine and too long on every other: wait for the event, or turn the clock",
        example: ("tasker-core/src/dag/mod.rs", "#[cfg(test)]\nmod tests { fn f() { std::thread::sleep(ONE) } }"),
    },
    Forbidden {
        words: &["todo!", "unimplemented!"],
        within: is_rust,
        text: Text::Code,
        why: "what is not there yet is left out",
        example: ("tasker-core/src/dag/mod.rs", "fn f() { todo!() }"),
    },
    Forbidden {
        words: &["[allow(", ", allow("],
        within: is_rust,
        text: Text::Code,
        why: "`expect` with a reason says why, and speaks up when it is needed no longer",
        example: ("tasker-core/src/dag/mod.rs", "#[allow(dead_code)]\nfn f() {}"),
    },
    Forbidden {
        words: &["/work/", "/root/", "/home/", "/Users/"],
        within: |path| !is_tidy(path),
        text: Text::Everything,
        why: "a path of one machine means nothing on another",
        example: ("examples/order/template.yaml", "file: /home/somebody/data.csv"),
    },
    Forbidden {
        words: &[
            "registry.npmjs.org",
            "files.pythonhosted.org",
            "pypi.org/simple",
            "index.crates.io",
            "static.crates.io",
        ],
        within: |path| !is_tidy(path),
        text: Text::Everything,
        why: "where packages come from is the choice of whoever builds",
        example: ("bindings-node/.npmrc.toml", "registry = \"https://registry.npmjs.org\""),
    },
];

pub(crate) fn faults(tree: &Tree) -> Vec<Fault> {
    FORBIDDEN.iter().flat_map(|rule| tree.files.iter().flat_map(|file| rule.faults(file))).collect()
}

impl Forbidden {
    fn faults(&self, file: &File) -> Vec<Fault> {
        if !(self.within)(&file.path) {
            return Vec::new();
        }
        let text = if matches!(self.text, Text::Everything) { &file.text } else { &file.code };
        let counts = |at| !matches!(self.text, Text::CodeOfTests) || is_of_tests(file, at);
        let named = self.words.iter().flat_map(|word| text.match_indices(word));
        named
            .filter(|(at, word)| is_whole_word(text, *at, word) && counts(*at))
            .map(|(at, word)| file.fault(file.line_of(at), format!("`{word}` is not named here: {}", self.why)))
            .collect()
    }
}

fn is_of_tests(file: &File, at: usize) -> bool {
    let stem = file.path.rsplit_once('.').map_or(file.path.as_str(), |(stem, _)| stem);
    stem.split('/').any(|name| ["test", "tests", "spec", "conformance"].contains(&name))
        || (is_rust(&file.path) && test_ranges(&file.text, &file.code).iter().any(|range| range.contains(&at)))
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_layer(path: &str, layer: &str) -> bool {
    let inside = path.strip_prefix("tasker-core/src/").and_then(|inside| inside.strip_prefix(layer));
    inside.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

/// The rules have to spell out what they forbid.
fn is_tidy(path: &str) -> bool {
    path.starts_with("tasker-cli/tests/tidy/")
}

#[test]
fn every_rule_refuses_its_example() {
    for rule in FORBIDDEN {
        let tree = Tree::of(&[rule.example]);
        assert!(!rule.faults(&tree.files[0]).is_empty(), "{:?} passed: {}", rule.example, rule.why);
    }
}

#[test]
fn what_is_allowed_passes() {
    let tree = Tree::of(&[
        ("tasker-core/src/store/sqlite/mod.rs", "use sqlx::SqlitePool;"),
        ("tasker-core/src/events/nats/mod.rs", "use async_nats::Client;"),
        ("tasker-core/src/statement.rs", "use tokio::spawn; // sqlx, todo!\nconst A: &str = \"[allow(\";"),
        (
            "tasker-core/src/orchestration/sweep.rs",
            "async fn f() { tokio::time::sleep(A).await }\n#[cfg(test)]\nmod t {}",
        ),
        ("bindings-python/src/lib.rs", "#[pymodule]\nfn tasker_core(m: &Module) {}"),
        ("examples/src/order.rs", "#[expect(dead_code, reason = \"shown\")]\nfn f() {}"),
    ]);
    let found = faults(&tree);
    assert!(found.is_empty(), "{:?}", crate::tree::places(&found));
}
