//! Old and new side by side, and one after the other restarted while tasks run.

use std::time::Duration;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use tasker_core::model::{Json, TaskId, TaskState};
use tasker_worker::{Client, client::SubmitTask};
use tokio::sync::mpsc;

use super::{Home, Server, client, submitted, template};
use crate::{command::tasker, worker::Worker};

const LONG: Duration = Duration::from_secs(120);

/// What a newer version would do to the database.
async fn migrate_further(home: &Home) {
    const NOTE: &str =
        "(version, description, success, checksum, execution_time) values (9999, 'of the future', true, '', 1)";
    if let Some(file) = home.store.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new().filename(home.folder.path().join(file));
        let mut connection = SqliteConnection::connect_with(&options).await.expect("it opens");
        let add = format!("alter table tasks add column of_the_future text; insert into _tasker_migrations {NOTE}");
        connection.execute(AssertSqlSafe(add)).await.expect("it is done");
        return connection.close().await.expect("it ends");
    }
    let mut connection = PgConnection::connect(&home.store).await.expect("it answers");
    let add = format!("alter table tasker.tasks add column of_the_future text; insert into tasker.migrations {NOTE}");
    connection.execute(AssertSqlSafe(add)).await.expect("it is done");
    connection.close().await.expect("it ends");
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
    let mut servers = [home.start(), home.start()];
    let mut workers = servers.each_ref().map(work);
    let clients = servers.each_ref().map(|server| Client::http(&server.url, None).expect("a client"));
    let (sender, mut submitted) = mpsc::channel(8);
    let load = tokio::spawn(load(clients.clone(), sender));
    for at in 0..2 {
        let address = servers[at].address().to_owned();
        servers[at].ask_to_stop();
        let (other, mut ended) = (&clients[1 - at], None);
        for _ in 0..20 {
            let task_id = submitted.recv().await.expect("it goes on");
            ended = Some(other.wait(task_id, LONG).await.expect("it ends").status);
        }
        assert_eq!(ended, Some(TaskState::Complete));
        let fresh = Server::start(folder, &home.store, &address, &[]);
        let (status, _) = std::mem::replace(&mut servers[at], fresh).ended();
        assert!(status.success());
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
            // On a busy machine an attempt may run out of time while its server is away, and is made again.
            assert!(step.results.is_some(), "{task_id} {}", step.name);
        }
    }
    drop(workers);
    let doctor = tasker(folder, &["doctor", "--store", &home.store, "-o", "json"]);
    assert_eq!(doctor.json()["findings"].as_array().map(Vec::is_empty), Some(true), "{}", doctor.stdout);
}
