//! Every store passes the same suite.

use std::{str::FromStr, sync::Arc};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tasker_core::{
    model::{ManualClock, Timestamp},
    store::{PostgresStore, SqliteStore, Store, conformance},
};

/// A time at which nothing is zero or negative by accident: 2033-05-18.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(2_000_000_000_000_000)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_in_memory() {
    conformance::run(async |_| {
        let store = SqliteStore::open("sqlite::memory:", clock()).await.unwrap();
        Arc::new(store) as Arc<dyn Store>
    })
    .await;
    conformance::assert_all_used("sqlite", SqliteStore::statements());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    conformance::run(async |check| {
        let url = format!("sqlite://{}/{}.db?synchronous=normal", folder.display(), check.replace("::", "-"));
        Arc::new(SqliteStore::open(&url, clock()).await.unwrap()) as Arc<dyn Store>
    })
    .await;
    conformance::assert_all_used("sqlite", SqliteStore::statements());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Ok(cluster) = std::env::var("TASKER_TEST_DATABASE_URL") else {
        eprintln!("not run: TASKER_TEST_DATABASE_URL is not set; scripts/with-postgres.sh sets it");
        return;
    };
    let cluster = &cluster;
    conformance::run(async |check| {
        let name = format!("{}-{}", std::process::id(), check.replace("::", "-"));
        let url = create_database(cluster, &name).await.unwrap();
        Arc::new(PostgresStore::connect(&url).await.unwrap()) as Arc<dyn Store>
    })
    .await;
    conformance::assert_all_used("postgres", PostgresStore::statements());
}

/// A new database in the cluster; the cluster is thrown away afterwards.
async fn create_database(cluster: &str, name: &str) -> Result<String, sqlx::Error> {
    // The longest name that PostgreSQL does not cut.
    let name = &name[..name.len().min(63)];
    let options = PgConnectOptions::from_str(cluster)?;
    let mut connection = options.connect().await?;
    let statement = format!("create database \"{name}\" template template0");
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await?;
    Ok(options.database(name).to_url_lossy().to_string())
}
