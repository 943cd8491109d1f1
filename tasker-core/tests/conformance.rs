//! Every store passes the same suite.

use std::sync::Arc;

use tasker_core::{
    model::{ManualClock, Timestamp},
    store::{SqliteStore, Store, conformance},
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
