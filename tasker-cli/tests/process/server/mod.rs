//! `tasker server`, as its clients see it.

mod access;
mod bounds;
mod documents;
mod events;
mod keys;
mod limits;
mod metrics;
mod published;
mod requests;
mod rolling;
mod spans;
mod stops;
mod streams;
mod watched;
mod webhooks;
mod workers;

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, ExitStatus, Stdio},
};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use uuid::Uuid;

use crate::{
    command::command,
    database::{Database, postgres},
};

/// A place for a server's data: on the PostgreSQL for tests, or in a file without one. Gone when the test ends.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) store: String,
    _database: Option<Database>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::on_postgres().unwrap_or_else(|| Self::of(None))
    }

    /// One on each database that there is.
    pub(crate) fn everywhere() -> impl Iterator<Item = Self> {
        [Some(Self::of(None)), Self::on_postgres()].into_iter().flatten()
    }

    /// One on a server of PostgreSQL of the test's own.
    pub(crate) fn on(server: &str) -> Self {
        Self::of(Some(Database::create(server)))
    }

    fn on_postgres() -> Option<Self> {
        postgres().map(|server| Self::of(Some(Database::create(&server))))
    }

    fn of(database: Option<Database>) -> Self {
        let folder = tempdir().expect("a folder");
        let store = database.as_ref().map_or_else(|| "sqlite:server.db".to_owned(), |database| database.url.clone());
        Self { folder, store, _database: database }
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(self.folder.path(), &self.store, "127.0.0.1:0", &[])
    }

    /// A server that asks for API keys.
    pub(crate) fn start_guarded(&self) -> Server {
        Server::start(self.folder.path(), &self.store, "127.0.0.1:0", &["--auth", "keys"])
    }
}

/// A server process, which is killed at the latest when the test ends.
pub(crate) struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) url: String,
    log: PathBuf,
}

impl Server {
    pub(crate) fn start(folder: &Path, store: &str, address: &str, more: &[&str]) -> Self {
        let arguments = ["server", "--store", store, "--listen", address, "--grace", "20s", "-o", "json"];
        let log = folder.join(format!("{}.log", Uuid::now_v7()));
        let mut child = command(folder, &[&arguments[..], more].concat())
            .env("TASKER_LOG_FORMAT", "json")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).expect("a file"))
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = lines.next().expect("the server says where it is").expect("a line");
        let started: Value = serde_json::from_str(&line).expect("a line of JSON");
        Self { child, lines, url: started["url"].as_str().expect("a URL").to_owned(), log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address without `http://`.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What the server has logged, one document a line.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).expect("the log");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// As `kill` does; answers what the server said last.
    pub(crate) fn terminate(self) -> (ExitStatus, Value) {
        self.ask_to_stop();
        self.ended()
    }

    /// As `kill` does.
    pub(crate) fn ask_to_stop(&self) {
        let id = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for the end of a server that stops; answers what it said last.
    pub(crate) fn ended(mut self) -> (ExitStatus, Value) {
        let status = self.child.wait().expect("it ends");
        let last = self.lines.by_ref().map_while(Result::ok).last().expect("it says that it stops");
        (status, serde_json::from_str(&last).expect("a line of JSON"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is dead already is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What asks the servers.
pub(crate) fn client() -> reqwest::Client {
    // Whoever was first is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A template whose steps are each called like their handler: name, dependencies.
pub(crate) fn template(name: &str, steps: &[(&str, &[&str])]) -> String {
    let mut yaml = format!("name: {name}\nnamespace: test\nversion: 1.0.0\nsteps:\n");
    for (step, dependencies) in steps {
        let dependencies = dependencies.join(", ");
        yaml += &format!("  - {{name: {step}, handler: {{callable: {step}}}, dependencies: [{dependencies}]}}\n");
    }
    yaml
}

/// Registers a template and submits one task of it; answers the task's id.
pub(crate) async fn submitted(client: &reqwest::Client, server: &Server, yaml: String, name: &str) -> String {
    let registered = client.post(server.url("/v1/templates")).header("content-type", "application/yaml").body(yaml);
    assert!(registered.send().await.expect("an answer").status().is_success());
    let task = json!({"namespace": "test", "name": name, "context": {"a": 1}});
    let answer = client.post(server.url("/v1/tasks")).json(&task).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let answer: Value = answer.json().await.expect("JSON");
    answer["task_uuid"].as_str().expect("an id").to_owned()
}
