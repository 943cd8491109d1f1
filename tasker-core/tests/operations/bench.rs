//! An engine on an empty database, and the usual ways to use it.

use std::{path::Path, str::FromStr, sync::Arc};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tasker_core::{
    model::{Assignment, Json, Outcome, Report, StepError, SystemClock, TaskId, WorkerId},
    orchestration::{Engine, Options, Session, SubmitTask},
    state::Look,
    store::{PostgresStore, SqliteStore, Store, WorkerRecord},
};

pub(crate) const ORDER: &str = "
name: order
namespace: shop
version: 1.0.0
steps:
  - {name: pay, handler: {callable: pay}, retry: {max_attempts: 1}}
  - {name: pack, handler: {callable: pack}, dependencies: [pay]}
  - name: send
    handler: {callable: pack}
    dependencies: [pack]
    result_schema: {type: object, required: [parcel]}
";

pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    /// Where the database is; none for one in memory.
    pub(crate) url: Option<String>,
}

/// Runs a test on every database at hand.
pub(crate) async fn everywhere(name: &str, test: impl AsyncFn(Bench)) {
    let store = SqliteStore::open("sqlite::memory:", Arc::new(SystemClock)).await.unwrap();
    test(Bench::on(Arc::new(store), None).await).await;
    if let Some(bench) = Bench::on_postgres(name).await {
        test(bench).await;
    }
}

impl Bench {
    async fn on(store: Arc<dyn Store>, url: Option<String>) -> Self {
        store.migrate().await.unwrap();
        let engine = Engine::new(store, Options::default());
        engine.register_yaml(ORDER, "order.yaml").await.unwrap();
        Self { engine, url }
    }

    pub(crate) async fn on_file(folder: &Path) -> Self {
        let url = format!("sqlite:{}/bench.db", folder.display());
        let store = SqliteStore::open(&url, Arc::new(SystemClock)).await.unwrap();
        Self::on(Arc::new(store), Some(url)).await
    }

    pub(crate) async fn on_postgres(name: &str) -> Option<Self> {
        let Ok(cluster) = std::env::var("TASKER_TEST_DATABASE_URL") else {
            eprintln!("not run: TASKER_TEST_DATABASE_URL is not set; scripts/with-postgres.sh sets it");
            return None;
        };
        let options = PgConnectOptions::from_str(&cluster).unwrap();
        let name = format!("operations-{}-{name}", std::process::id());
        let mut connection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(format!("create database \"{name}\" template template0"))).await.unwrap();
        connection.close().await.unwrap();
        let url = options.database(&name).to_url_lossy().to_string();
        let store = Arc::new(PostgresStore::connect(&url).await.unwrap());
        Some(Self::on(store, Some(url)).await)
    }

    pub(crate) async fn submit(&self) -> TaskId {
        let context = Json::from(&serde_json::json!({"order": 7}));
        self.engine.submit(SubmitTask::new("shop", "order", context)).await.unwrap().task_id
    }

    pub(crate) async fn worker(&self, handlers: &[&str]) -> Arc<Session> {
        let record = WorkerRecord {
            worker_id: WorkerId::new(),
            host: "test".to_owned(),
            pid: 1,
            language: "rust".to_owned(),
            slots: 4,
            handlers: handlers.iter().map(ToString::to_string).collect(),
            queues: Vec::new(),
        };
        self.engine.join(record).await.unwrap()
    }

    pub(crate) async fn claim(&self, session: &Session) -> Vec<Assignment> {
        self.engine.report(session, Vec::new(), 100, Look::Always).await.unwrap().assignments
    }

    pub(crate) async fn answer(&self, session: &Session, assignments: &[Assignment], outcome: Outcome) {
        let report = |assignment: &Assignment| Report { lease: assignment.lease, outcome: outcome.clone() };
        let reports = assignments.iter().map(report).collect();
        self.engine.report(session, reports, 0, Look::Nowhere).await.unwrap();
    }

    /// A task whose first step failed for good.
    pub(crate) async fn failed_task(&self) -> TaskId {
        let task_id = self.submit().await;
        let session = self.worker(&["pay"]).await;
        let assignments = self.claim(&session).await;
        self.answer(&session, &assignments, broken()).await;
        task_id
    }
}

pub(crate) fn broken() -> Outcome {
    Outcome::failed(StepError::permanent("declined", "no money"))
}

pub(crate) fn done() -> Outcome {
    Outcome::succeeded(Json::from(&serde_json::json!({"parcel": 1})))
}
