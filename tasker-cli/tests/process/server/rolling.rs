//! Old and new side by side, and one after the other restarted while tasks run.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use tasker_core::model::{Json, TaskId, TaskState};
use tasker_worker::{Client, client::SubmitTask};
use tokio::sync::mpsc;

use super::{Home, Server, client, submitted, template};
use crate::{command::tasker, worker::Worker};

const LONG: Duration = Duration::from_secs(120);

/// Does something to the database as a newer version might: what is said for SQLite, where the tables of PostgreSQL have
/// the schema `tasker` besides.
async fn execute(home: &Home, statements: &[String]) {
    if let Some(file) = home.store.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new().filename(home.folder.path().join(file));
        let mut connection = SqliteConnection::connect_with(&options).await.expect("it opens");
        connection.execute(AssertSqlSafe(statements.join(";"))).await.expect("it is done");
        return connection.close().await.expect("it ends");
    }
    let mut connection = PgConnection::connect(&home.store).await.expect("it answers");
    connection.execute("set search_path to tasker").await.expect("it is done");
    connection.execute(AssertSqlSafe(statements.join(";"))).await.expect("it is done");
    connection.close().await.expect("it ends");
}

/// The text in a column.
async fn text(home: &Home, query: &str) -> String {
    let query = AssertSqlSafe(query.to_owned());
    if let Some(file) = home.store.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new().filename(home.folder.path().join(file));
        let mut connection = SqliteConnection::connect_with(&options).await.expect("it opens");
        return sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("a text");
    }
    let mut connection = PgConnection::connect(&home.store).await.expect("it answers");
    connection.execute("set search_path to tasker").await.expect("it is done");
    sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("a text")
}

async fn migrate_further(home: &Home) {
    let migrations = if home.store.starts_with("sqlite:") { "_tasker_migrations" } else { "migrations" };
    let note = format!(
        "insert into {migrations} (version, description, success, checksum, execution_time) values \
         (9999, 'of the future', true, '', 1)"
    );
    execute(home, &["alter table tasks add column of_the_future text".to_owned(), note]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_on_beside_a_newer_one() {
    for home in Home::everywhere() {
        let (folder, client) = (home.folder.path(), client());
        let server = home.start();
        let mut worker = Worker::start(folder, &["--api", &server.url]);
        worker.read_until(|line| line["template"]["name"] == "ecommerce_order");
        migrate_further(&home).await;
        let is_ready = async |server: &Server| {
            let answer = client.get(server.url("/health/ready")).send().await.expect("an answer");
            answer.status().is_success()
        };
        assert!(is_ready(&server).await);
        let api = Client::http(&server.url, None).expect("a client");
        let order = api.submit(request(0)).await.expect("it is stored");
        assert_eq!(api.wait(order.task_uuid, LONG).await.expect("it ends").status, TaskState::Complete);

        // What does not run yet is told which version to use.
        let words = ["server", "--store", &home.store, "--listen", "127.0.0.1:0", "-o", "json"];
        let refused = tasker(folder, &words);
        assert_eq!((refused.code, refused.error_code().as_str()), (1, "schema_newer"));
        let refused = tasker(folder, &["migrate", "--check", "--store", &home.store, "-o", "json"]);
        assert_eq!((refused.code, refused.error_code().as_str()), (1, "schema_newer"));
        // The way back.
        let again = Server::start(folder, &home.store, "127.0.0.1:0", &["--no-migrate"]);
        assert!(is_ready(&again).await);
        submitted(&client, &again, template("it", &[("nobody_has_it", &[])]), "it").await;
    }
}

/// What a newer version writes and an older one reads: documents in the database, and what workers send.
#[tokio::test]
async fn what_a_newer_version_has_added_is_passed_over_and_kept() {
    const FUTURE: &str = r#"{"of_the_future":{"deep":[1.50]}}"#;
    const YAML: &str = "name: it\nnamespace: test\nversion: 1.0.0\nsteps:\n  - {name: a, handler: {callable: a}}\n  \
        - {name: gate, type: wait, wait: {signal: go}, dependencies: [a]}\n\
        finally:\n  - {name: tidy, handler: {callable: a}}\n";
    for home in Home::everywhere() {
        let (server, client) = (home.start(), client());
        let task_id = submitted(&client, &server, YAML.to_owned(), "it").await;
        let is_task = match home.store.strip_prefix("sqlite:") {
            Some(_) => format!("= x'{}'", task_id.replace('-', "")),
            None => format!("= '{task_id}'"),
        };
        let facts =
            r#"[{"type":"step.dreamt","step":1,"depth":3},{"type":"task.paused","by":"ada","of_the_future":1}]"#;
        let newer = [
            "begin".to_owned(),
            format!(
                "insert into events (task_id, first_seq, at, facts) select id, seq + 1, updated_at, '{facts}' from tasks where id {is_task}"
            ),
            format!("update tasks set seq = seq + 2, flow = '{FUTURE}' where id {is_task}"),
            format!("update steps set flow = '{FUTURE}' where task_id {is_task} and name = 'gate'"),
            "commit".to_owned(),
        ];
        execute(&home, &newer).await;

        let post = async |path: &str, body: Value| {
            let answer = client.post(server.url(path)).json(&body).send().await.expect("an answer");
            assert!(answer.status().is_success(), "{path}: {:?}", answer.text().await);
            answer.json::<Value>().await.expect("JSON")
        };
        let id = "01890000-0000-7000-8000-000000000001";
        let record = json!({"worker_id": id, "host": "here", "pid": 1, "language": "shell", "slots": 1, "handlers": ["a"],
            "queues": [], "of_the_future": 1});
        post("/v1/workers", record).await;
        // It comes before the step waits, and is kept beside what is there.
        post(&format!("/v1/tasks/{task_id}/signals/go"), json!({"payload": 1})).await;
        let mut reports = json!([]);
        for _ in 0..2 {
            let work = json!({"reports": reports, "want": 1, "wait_ms": 60_000, "of_the_future": 1});
            let work = post(&format!("/v1/workers/{id}/work"), work).await;
            let mut lease = work["assignments"][0]["lease"].clone();
            lease["of_the_future"] = 1.into();
            let leases = json!({"leases": [lease], "of_the_future": 1});
            assert!(post(&format!("/v1/workers/{id}/leases"), leases).await["until"][0].is_string());
            let reached = json!({"lease": lease, "checkpoint": {"cursor": 1, "of_the_future": 1}, "of_the_future": 1});
            assert!(post(&format!("/v1/workers/{id}/checkpoints"), reached).await["until"].is_string());
            let outcome = json!({"succeeded": {"result": 7, "of_the_future": 1}});
            reports = json!([{"lease": lease, "outcome": outcome, "of_the_future": 1}]);
        }
        let done = post(&format!("/v1/workers/{id}/work"), json!({"reports": reports})).await;
        assert_eq!(done["verdicts"], json!(["accepted"]));

        let events = client.get(server.url(&format!("/v1/tasks/{task_id}/history"))).send().await.expect("an answer");
        let events = events.json::<Value>().await.expect("JSON")["items"].clone();
        let types: Vec<_> =
            events.as_array().expect("a list").iter().filter_map(|event| event["type"].as_str()).collect();
        assert_eq!(types.last(), Some(&"task.completed"), "{types:?}");
        let dreamt = events.as_array().and_then(|events| events.iter().find(|event| event["type"] == "step.dreamt"));
        let dreamt = dreamt.expect("it is passed on");
        assert_eq!((&dreamt["step"], &dreamt["details"]), (&json!("gate"), &json!({"depth": 3})));
        for (table, row) in
            [("tasks", format!("id {is_task}")), ("steps", format!("task_id {is_task} and name = 'gate'"))]
        {
            let flow = text(&home, &format!("select cast(flow as text) from {table} where {row}")).await;
            let flow: Value = serde_json::from_str(&flow).expect("JSON");
            assert_eq!(flow["of_the_future"].to_string(), r#"{"deep":[1.5]}"#, "{table}: {flow}");
            assert!(flow.as_object().is_some_and(|flow| flow.len() == 2), "and it has been written anew: {flow}");
        }
        // What users write is looked at as closely as ever.
        let task = json!({"namespace": "test", "name": "it", "context": {}, "of_the_future": 1});
        let refused = client.post(server.url("/v1/tasks")).json(&task).send().await.expect("an answer");
        assert_eq!(refused.status(), 400);
    }
}

#[tokio::test]
async fn a_server_in_front_of_an_older_database_says_how_to_migrate_it() {
    let (home, client) = (Home::new(), client());
    let server = Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--no-migrate"]);
    let answer = client.get(server.url("/health/ready")).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let problem: Value = answer.json().await.expect("JSON");
    assert_eq!(problem["code"], "schema_mismatch");
    assert!(problem["remedy"].as_str().is_some_and(|remedy| remedy.contains("tasker migrate")));
}

fn request(at: usize) -> SubmitTask {
    let mut input: Value =
        serde_json::from_str(include_str!("../../../../examples/ecommerce_order/input.json")).expect("JSON");
    // This card is approved at the first try, so that nothing fails by itself.
    input["payment_token"] = "tok_visa".into();
    let idempotency_key = Some(format!("order-{at}"));
    SubmitTask { idempotency_key, ..SubmitTask::new("ecommerce", "ecommerce_order", Json::from(&input)) }
}

/// Tasks that were submitted and not yet looked at, beside one that waits for room and one that is being submitted.
const AHEAD: usize = 8;

/// Submits until nobody listens, to whichever server answers; answers what was submitted.
async fn load(clients: [Client; 2], submitted: mpsc::Sender<TaskId>) -> Vec<TaskId> {
    let mut tasks = Vec::new();
    loop {
        let at = tasks.len();
        let mut tries = clients.iter().cycle().skip(at % 2).take(20);
        let task_id = loop {
            let client = tries.next().expect("one of them takes it");
            if let Ok(submitted) = client.submit(request(at)).await {
                break submitted.task_uuid;
            }
        };
        tasks.push(task_id);
        if submitted.send(task_id).await.is_err() {
            return tasks;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_servers_and_workers_are_restarted_one_after_the_other() {
    let home = Home::new();
    let folder = home.folder.path();
    let work = |server: &Server| {
        let mut worker = Worker::start(folder, &["--api", &server.url, "--slots", "8", "--pace", "5ms"]);
        worker.read_until(|line| line["template"]["name"] == "ecommerce_order");
        worker
    };
    // No lease ends while its server is away, so that nothing but a fault can take an attempt from its worker.
    let start = |address: &str| Server::start(folder, &home.store, address, &["--lease", "10m"]);
    let servers = ["127.0.0.1:0"; 2].map(start);
    let mut workers = servers.each_ref().map(work);
    let clients = servers.each_ref().map(|server| Client::http(&server.url, None).expect("a client"));
    let mut servers = Vec::from(servers);
    let (sender, mut submitted) = mpsc::channel(AHEAD);
    let load = tokio::spawn(load(clients.clone(), sender));
    for at in 0..2 {
        let server = servers.remove(at);
        let address = server.address().to_owned();
        server.ask_to_stop();
        let (status, _) = server.ended();
        assert!(status.success());
        // What was submitted before may have a step at the worker of this server, which reports it when there is one again.
        for _ in 0..AHEAD + 2 {
            submitted.recv().await.expect("it goes on");
        }
        let (other, mut ended) = (&clients[1 - at], None);
        for _ in 0..20 {
            let task_id = submitted.recv().await.expect("it goes on");
            ended = Some(other.wait(task_id, LONG).await.expect("it ends").status);
        }
        assert_eq!(ended, Some(TaskState::Complete));
        servers.insert(at, start(&address));
        workers[at].terminate();
        workers[at] = work(&servers[at]);
    }
    drop(submitted);
    let tasks = load.await.expect("it ends");
    assert!(tasks.len() > 40);
    for task_id in tasks {
        let task = clients[0].wait(task_id, LONG).await.expect("it ends");
        assert_eq!(task.status, TaskState::Complete, "{task_id}");
        for step in task.steps.expect("steps") {
            assert!(step.results.is_some(), "{task_id} {}", step.name);
            assert_eq!((step.failures, step.losses), (0, 0), "{task_id} {}", step.name);
        }
    }
    drop(workers);
    let doctor = tasker(folder, &["doctor", "--store", &home.store, "-o", "json"]);
    assert_eq!(doctor.json()["findings"].as_array().map(Vec::is_empty), Some(true), "{}", doctor.stdout);
}
