//! Processes that hear of each other over NATS core, where their database carries nothing.

use std::{sync::Arc, time::Duration};

use tasker_core::{
    events::{NatsOptions, NatsWakeups, throwaway::NatsServer},
    model::{Json, SystemClock},
    orchestration::{Engine, Options, SubmitTask},
    store::{SqliteStore, Store},
};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

async fn engine(file: &str, nats: &NatsServer) -> Arc<Engine> {
    let store = SqliteStore::open(&format!("sqlite://{file}?synchronous=normal"), Arc::new(SystemClock)).await.unwrap();
    store.migrate().await.unwrap();
    let engine = Engine::new(Arc::new(store), Options::default());
    engine.carry_wakeups(Arc::new(NatsWakeups::new(&NatsOptions::at(nats.url())).unwrap()));
    engine
}

/// Waits until the engine hears of others, or no longer does: both are told to those who follow the log.
async fn told(engine: &Engine, expected: bool) {
    let mut log = engine.watch_events();
    let change = async {
        while engine.is_told() != expected {
            log.changed().await;
        }
    };
    timeout(PATIENCE, change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_one_process_is_heard_in_another() {
    let Some(mut nats) = NatsServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasker.db").display().to_string();
    let (one, two) = (engine(&file, &nats).await, engine(&file, &nats).await);
    let yaml = "name: it\nnamespace: test\nversion: 1.0.0\nsteps:\n  - {name: a, handler: {callable: a}}\n";
    one.register(&tasker_core::template::parse(yaml, "it").unwrap()).await.unwrap();
    for _ in 0..2 {
        told(&one, true).await;
        told(&two, true).await;
        let mut log = two.watch_events();
        log.seen();
        one.submit(SubmitTask::new("test", "it", Json::null())).await.unwrap();
        timeout(PATIENCE, log.changed()).await.unwrap();
        nats.kill();
        told(&one, false).await;
        told(&two, false).await;
        nats.restart();
    }
}
