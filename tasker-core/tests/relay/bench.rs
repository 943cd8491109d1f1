//! An engine, a relay, and the stream as a subscriber sees it.

use std::{collections::BTreeMap, str::FromStr, sync::Arc, time::Duration};

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
    stream::Stream,
};
use futures::StreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tasker_core::{
    events::{CloudEvent, NatsOptions, Relay, StreamOptions},
    model::{Json, Outcome, Report, SystemClock, TaskId, WorkerId},
    orchestration::{Engine, EventCursor, Options, Session, SubmitTask},
    state::Look,
    store::{PostgresStore, SqliteStore, Store, WorkerRecord},
};
use tokio::time::{Instant, interval, timeout, timeout_at};

const TEMPLATE: &str = "
name: line.items
namespace: shop
version: 1.0.0
steps:
  - name: pay
    handler: {callable: work}
    publishes_events: [{name: order.paid, condition: success}]
  - {name: pack, handler: {callable: work}, dependencies: [pay]}
  - {name: bill, handler: {callable: work}, dependencies: [pay]}
  - {name: send, handler: {callable: work}, dependencies: [pack, bill]}
";

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions to servers that do not answer yet.
const AGAIN: Duration = Duration::from_millis(20);

pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    /// Where the database is; none for one in memory.
    pub(crate) url: Option<String>,
    session: Arc<Session>,
}

/// A message as the stream has it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) event: CloudEvent,
}

/// Runs a test on every database at hand.
pub(crate) async fn everywhere(name: &str, test: impl AsyncFn(Bench)) {
    test(Bench::on_sqlite().await).await;
    if let Some(bench) = Bench::on_postgres(name).await {
        test(bench).await;
    }
}

impl Bench {
    pub(crate) async fn on_sqlite() -> Self {
        let store = SqliteStore::open("sqlite::memory:", Arc::new(SystemClock)).await.unwrap();
        Self::on(Arc::new(store), None).await
    }

    pub(crate) async fn on_postgres(name: &str) -> Option<Self> {
        let Ok(cluster) = std::env::var("TASKER_TEST_DATABASE_URL") else {
            eprintln!("not run: TASKER_TEST_DATABASE_URL is not set; scripts/with-postgres.sh sets it");
            return None;
        };
        let options = PgConnectOptions::from_str(&cluster).unwrap();
        let name = format!("relay-{}-{name}", std::process::id());
        let mut connection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(format!("create database \"{name}\" template template0"))).await.unwrap();
        connection.close().await.unwrap();
        let url = options.database(&name).to_url_lossy().to_string();
        let store = Arc::new(PostgresStore::connect(&url).await.unwrap());
        Some(Self::on(store, Some(url)).await)
    }

    async fn on(store: Arc<dyn Store>, url: Option<String>) -> Self {
        store.migrate().await.unwrap();
        let engine = Engine::new(store, Options::default());
        engine.register_yaml(TEMPLATE, "line_items.yaml").await.unwrap();
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
        Self { engine, url, session }
    }

    pub(crate) async fn submit(&self) -> TaskId {
        let context = Json::from(&serde_json::json!({"order": 7}));
        self.engine.submit(SubmitTask::new("shop", "line.items", context)).await.unwrap().task_id
    }

    /// Runs tasks to their ends.
    pub(crate) async fn run(&self, tasks: usize) -> Vec<TaskId> {
        let mut ids = Vec::new();
        for _ in 0..tasks {
            ids.push(self.submit().await);
        }
        let mut reports = Vec::new();
        loop {
            let reported = self.engine.report(&self.session, reports, 1_000, Look::Always).await.unwrap();
            if reported.assignments.is_empty() {
                return ids;
            }
            let outcome = Outcome::succeeded(Json::from(&serde_json::json!({"amount": 3})));
            let report = |lease| Report { lease, outcome: outcome.clone() };
            reports = reported.assignments.iter().map(|assignment| report(assignment.lease)).collect();
        }
    }

    /// Ids of every event in the log, in its order.
    pub(crate) async fn log(&self) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), EventCursor::START);
        loop {
            let page = self.engine.events_after(after, 1_000).await.unwrap();
            let Some(last) = page.last() else { return ids };
            after = last.cursor;
            ids.extend(page.iter().map(|it| format!("{}.{}", it.event.task_id, it.event.seq)));
        }
    }
}

pub(crate) async fn relay(bench: &Bench, url: &str, replicas: usize) -> Relay {
    let stream = StreamOptions { replicas: Some(replicas), ..StreamOptions::default() };
    Relay::start(Arc::clone(&bench.engine), NatsOptions { stream, ..NatsOptions::at(url) }).await.unwrap()
}

pub(crate) async fn stream(url: &str) -> Stream {
    let servers: Vec<async_nats::ServerAddr> = url.split(',').map(|it| it.parse().unwrap()).collect();
    let client = async_nats::ConnectOptions::new().retry_on_initial_connect().connect(servers).await.unwrap();
    let context = jetstream::new(client);
    // The relay makes it.
    until_ok(async || context.get_stream(StreamOptions::default().name).await).await
}

/// Asks again and again: servers that were just started do not know each other yet.
async fn until_ok<T, E>(ask: impl AsyncFn() -> Result<T, E>) -> T {
    let ask = async {
        // Not as fast as they refuse: they need the processors to find each other.
        let mut turn = interval(AGAIN);
        loop {
            turn.tick().await;
            if let Ok(answer) = ask().await {
                return answer;
            }
        }
    };
    timeout(PATIENCE, ask).await.unwrap()
}

/// What the stream holds, as soon as it holds this many messages.
pub(crate) async fn messages(stream: &Stream, count: usize) -> Vec<Message> {
    let all = || pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..Default::default() };
    let consumer = until_ok(async || stream.create_consumer(all()).await).await;
    let mut coming = consumer.messages().await.unwrap();
    let (mut found, mut until) = (Vec::new(), Instant::now() + PATIENCE);
    while found.len() < count {
        let Ok(next) = timeout_at(until, coming.next()).await else {
            panic!("{} of {count} events arrived", found.len());
        };
        // What goes wrong on the way is mended by the consumer.
        let Ok(message) = next.unwrap() else { continue };
        // The next has its own time: how fast the machine is depends on what else it does.
        until = Instant::now() + PATIENCE;
        found.push(Message {
            subject: message.subject.to_string(),
            message_id: message.headers.as_ref().unwrap().get("Nats-Msg-Id").unwrap().to_string(),
            event: serde_json::from_slice(&message.payload).unwrap(),
        });
    }
    found
}

pub(crate) fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.event.id.clone()).collect()
}

/// Asserts that the stream holds the whole log: each event once, those of a task in their order without a gap.
pub(crate) async fn assert_complete(bench: &Bench, stream: &Stream) {
    let log = bench.log().await;
    let found = messages(stream, log.len()).await;
    let info = until_ok(async || stream.get_info().await).await;
    assert_eq!(info.state.messages, log.len() as u64, "nothing comes twice");
    let mut last: BTreeMap<TaskId, i64> = BTreeMap::new();
    for message in &found {
        let before = last.insert(message.event.partitionkey, message.event.seq().unwrap()).unwrap_or(0);
        assert_eq!(message.event.seq(), Some(before + 1), "a gap, or another order: {message:?}");
    }
    let (mut log, mut found) = (log, ids(&found));
    log.sort();
    found.sort();
    assert_eq!(found, log);
}
