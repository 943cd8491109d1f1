use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tokio::sync::Mutex;

use crate::bench::{Bench, everywhere};

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_database_has_nothing_but_missing_workers() {
    everywhere("doctor", async |bench: Bench| {
        assert_eq!(bench.engine.doctor().await.unwrap(), []);
        bench.submit().await;
        let codes: Vec<_> = bench.engine.doctor().await.unwrap().into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["no_workers"]);
        bench.worker(&["pay"]).await;
        assert_eq!(bench.engine.doctor().await.unwrap(), []);
    })
    .await;
}

/// What the doctor finds when this was done to one task. `AGO` is a time five minutes ago.
const BREAKS: [(&str, &str); 9] = [
    ("counts_wrong", "update tasks set done = 1"),
    ("counts_wrong", "update tasks set active = 1"),
    ("unmet_wrong", "update steps set unmet = 2 where idx = 1"),
    ("unmet_wrong", "update steps set unmet = 0 where idx = 1"),
    ("events_gap", "delete from events where first_seq = 1"),
    ("events_gap", "update tasks set seq = seq + 1"),
    ("task_stuck", "update steps set state = 'pending' where idx = 0"),
    ("task_stuck", "update steps set state = 'cancelled', ended_at = AGO where idx = 0"),
    ("sweep_late", "update steps set state = 'waiting_for_retry', due_at = AGO where idx = 0"),
];
const ROWS: [&str; 3] = ["tasks", "steps", "events"];

#[tokio::test]
async fn each_broken_invariant_is_found_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::on_file(folder.path()).await;
    let connection = SqliteConnection::connect(bench.url.as_deref().unwrap()).await.unwrap();
    let connection = Mutex::new(connection);
    find_each(&bench, async |statement| {
        let statement = statement.replace("AGO", "(unixepoch() - 300) * 1000000");
        connection.lock().await.execute(AssertSqlSafe(statement)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn each_broken_invariant_is_found_on_postgres() {
    let Some(bench) = Bench::on_postgres("sick").await else { return };
    let mut connection = PgConnection::connect(bench.url.as_deref().unwrap()).await.unwrap();
    connection.execute("set search_path = tasker").await.unwrap();
    let connection = Mutex::new(connection);
    find_each(&bench, async |statement| {
        let statement = statement.replace("AGO", "now() - interval '5 minutes'");
        connection.lock().await.execute(AssertSqlSafe(statement)).await.unwrap();
    })
    .await;
}

async fn find_each(bench: &Bench, execute: impl AsyncFn(String)) {
    bench.worker(&["pay"]).await;
    for (code, statement) in BREAKS {
        let task_id = bench.submit().await;
        assert_eq!(bench.engine.doctor().await.unwrap(), [], "before: {statement}");
        execute(statement.to_owned()).await;
        let findings = bench.engine.doctor().await.unwrap();
        let finding = findings.iter().find(|finding| finding.code == code);
        let finding = finding.unwrap_or_else(|| panic!("{statement}: {code} is not among {findings:?}"));
        assert!(finding.places.iter().all(|place| place.starts_with(&task_id.to_string())), "{finding:?}");
        assert!(!finding.remedy.is_empty() && !finding.places.is_empty(), "{finding:?}");
        for rows in ROWS {
            execute(format!("delete from {rows}")).await;
        }
    }
}
