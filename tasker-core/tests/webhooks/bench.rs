//! An engine with one template, and webhooks that are sent to.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tasker_core::{
    events::{WebhookOptions, Webhooks},
    model::{Json, Outcome, Report, SystemClock, TaskId, WorkerId},
    orchestration::{
        CreatedWebhook, Delivery, DeliveryState, Engine, EventCursor, NewWebhook, Options, Session, SubmitTask,
    },
    state::Look,
    store::{PostgresStore, SqliteStore, Store, WorkerRecord},
};
use tokio::time::timeout;
use uuid::Uuid;

const TEMPLATE: &str = "
name: order
namespace: shop
version: 1.0.0
steps:
  - name: pay
    handler: {callable: work}
    publishes_events: [{name: order.paid, condition: success}]
";

/// A test that waits longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    session: Arc<Session>,
}

/// Runs a test on every database at hand.
pub(crate) async fn everywhere(name: &str, test: impl AsyncFn(Bench)) {
    let store = SqliteStore::open("sqlite::memory:", Arc::new(SystemClock)).await.unwrap();
    test(Bench::on(Arc::new(store)).await).await;
    let Ok(cluster) = std::env::var("TASKER_TEST_DATABASE_URL") else {
        eprintln!("not run on PostgreSQL: TASKER_TEST_DATABASE_URL is not set; scripts/with-postgres.sh sets it");
        return;
    };
    let options = PgConnectOptions::from_str(&cluster).unwrap();
    let name = format!("webhook-{}-{name}", std::process::id());
    let mut connection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(format!("create database \"{name}\" template template0"))).await.unwrap();
    connection.close().await.unwrap();
    let url = options.database(&name).to_url_lossy().to_string();
    test(Bench::on(Arc::new(PostgresStore::connect(&url).await.unwrap())).await).await;
}

impl Bench {
    async fn on(store: Arc<dyn Store>) -> Self {
        store.migrate().await.unwrap();
        let engine = Engine::new(store, Options::default());
        engine.register_yaml(TEMPLATE, "order.yaml").await.unwrap();
        let record = WorkerRecord {
            worker_id: WorkerId::new(),
            host: "test".to_owned(),
            pid: 1,
            language: "rust".to_owned(),
            slots: 1_000,
            handlers: vec!["work".to_owned()],
            queues: Vec::new(),
        };
        let session = engine.join(record).await.unwrap();
        Self { engine, session }
    }

    /// Sends, to this machine too, and tries again soon.
    pub(crate) fn send(&self) -> Webhooks {
        let options = WebhookOptions { allows_private: true, first_delay: Duration::from_millis(20) };
        Webhooks::start(Arc::clone(&self.engine), options).unwrap()
    }

    pub(crate) async fn webhook(&self, new: NewWebhook) -> CreatedWebhook {
        self.engine.create_webhook(NewWebhook { name: "test".to_owned(), ..new }).await.unwrap()
    }

    /// Runs a task to its end.
    pub(crate) async fn run(&self) -> TaskId {
        let context = Json::from(&serde_json::json!({"order": 7}));
        let task_id = self.engine.submit(SubmitTask::new("shop", "order", context)).await.unwrap().task_id;
        let mut reports = Vec::new();
        loop {
            let reported = self.engine.report(&self.session, reports, 1_000, Look::Always).await.unwrap();
            if reported.assignments.is_empty() {
                return task_id;
            }
            let outcome = Outcome::succeeded(Json::from(&serde_json::json!({"amount": 3})));
            let report = |lease| Report { lease, outcome: outcome.clone() };
            reports = reported.assignments.iter().map(|assignment| report(assignment.lease)).collect();
        }
    }

    /// Ids of every event in the log, in its order.
    pub(crate) async fn log(&self) -> Vec<String> {
        let page = self.engine.events_after(EventCursor::START, 1_000).await.unwrap();
        page.iter().map(|it| format!("{}.{}", it.event.task_id, it.event.seq)).collect()
    }

    /// Asks again and again until something is so.
    pub(crate) async fn until<T>(&self, ask: impl AsyncFn(&Engine) -> Option<T>) -> T {
        let asking = async {
            loop {
                if let Some(answer) = ask(&self.engine).await {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, asking).await.expect("it comes to be so")
    }

    /// The newest delivery, as soon as it is in this state.
    pub(crate) async fn delivery(&self, webhook_id: Uuid, state: DeliveryState) -> Delivery {
        self.until(async |engine| {
            let newest = engine.deliveries(webhook_id, None, None, 1).await.unwrap().items.pop();
            newest.filter(|delivery| delivery.state == state)
        })
        .await
    }

    /// Waits until so many deliveries in a row have failed: that is counted after the delivery itself.
    pub(crate) async fn failures(&self, webhook_id: Uuid, count: u32) {
        let counted = async |engine: &Engine| {
            let webhook = engine.webhook(webhook_id).await.unwrap();
            (webhook.failures == count).then_some(())
        };
        self.until(counted).await;
    }
}
