//! Processes on one PostgreSQL that tell each other what happens: nobody here looks for himself in time.

use std::{future::pending, sync::Arc, time::Duration};

use serde_json::json;
use tasker_core::{
    model::{Json, TaskId, TaskState},
    orchestration::{Engine, Options},
    store,
};
use tasker_worker::{
    Client, StepContext, StepError, Worker,
    client::{Actor, SubmitTask},
};
use tokio::sync::mpsc;

use crate::database::{Database, postgres};

/// No test lasts so long: whatever happens here happens because somebody was told.
const NEVER: Duration = Duration::from_secs(24 * 3600);
const LONG: Duration = Duration::from_secs(60);

async fn engine(url: &str) -> Arc<Engine> {
    let store = store::open(url).await.expect("it opens");
    store.migrate().await.expect("it migrates");
    Engine::new(store, Options { lease: NEVER, sweep_interval: NEVER, ..Options::default() })
}

const TEMPLATE: &str = "name: it\nnamespace: test\nversion: 1.0.0\nsteps:\n\
     - {name: quick, handler: {callable: quick}}\n\
     - {name: stuck, handler: {callable: stuck}, dependencies: [quick]}\n";

struct Fleet {
    _database: Database,
    worker: Worker,
    client: Client,
    begun: mpsc::UnboundedReceiver<TaskId>,
    stopped: mpsc::UnboundedReceiver<TaskId>,
}

impl Fleet {
    /// A worker and a client, on an engine each, that have heard of each other.
    async fn start(server: &str) -> Self {
        let database = Database::create(server);
        let (there, here) = (engine(&database.url).await, engine(&database.url).await);
        let (has_begun, begun) = mpsc::unbounded_channel();
        let (has_stopped, stopped) = mpsc::unbounded_channel();
        let stuck = move |context: StepContext| {
            let (has_begun, has_stopped) = (has_begun.clone(), has_stopped.clone());
            async move {
                let _stopped = Stopped(context.task_id(), has_stopped);
                has_begun.send(context.task_id())?;
                pending::<Result<(), StepError>>().await
            }
        };
        let worker = Worker::builder(Arc::clone(&there)).template_yaml(TEMPLATE).poll_interval_max(NEVER);
        let worker = worker.handler("quick", async |_: StepContext| Ok::<_, StepError>(())).handler("stuck", stuck);
        let worker = worker.start().await.expect("it starts");
        for engine in [&there, &here] {
            let mut heard = engine.watch_events();
            while !engine.is_told() {
                heard.changed().await;
            }
        }
        let client = Client::embedded(here);
        Self { _database: database, worker, client, begun, stopped }
    }
}

/// Says so when a handler is dropped.
struct Stopped(TaskId, mpsc::UnboundedSender<TaskId>);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.1.send(self.0);
    }
}

fn request() -> SubmitTask {
    SubmitTask::new("test", "it", Json::from(&json!({})))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_does_is_seen_in_another_at_once() {
    let Some(server) = postgres() else {
        eprintln!("not run: TASKER_TEST_DATABASE_URL is not set; scripts/with-postgres.sh sets it");
        return;
    };
    let mut fleet = Fleet::start(&server).await;
    let test = async {
        let task_id = fleet.client.submit(request()).await.expect("it is stored").task_uuid;
        while fleet.begun.recv().await != Some(task_id) {}
        let end = fleet.client.wait(task_id, LONG);
        let cancel = async {
            fleet.client.cancel(task_id, Actor::named("it")).await.expect("it can be cancelled");
            while fleet.stopped.recv().await != Some(task_id) {}
        };
        let (task, ()) = tokio::join!(end, cancel);
        assert_eq!(task.expect("it ends").status, TaskState::Cancelled);
    };
    tokio::time::timeout(LONG, test).await.expect("nobody was told");
    drop(fleet.worker);
}
