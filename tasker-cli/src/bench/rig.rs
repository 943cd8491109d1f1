use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tasker_core::orchestration::{Engine, Options};
use tasker_worker::{StepContext, StepError, Worker};

use super::workload::{HANDLER, Workload};
use crate::{database, failure::Result};

/// An engine with its workers, under load.
pub(super) struct Rig {
    pub(super) engine: Arc<Engine>,
    pub(super) workload: Workload,
    pub(super) workers: Vec<Worker>,
    /// Attempts that the handlers have answered.
    pub(super) answered: Arc<AtomicUsize>,
}

const GRACE: Duration = Duration::from_secs(10);

impl Rig {
    pub(super) async fn start(url: &str, workload: Workload, workers: usize, slots: usize) -> Result<Self> {
        let engine = database::migrated_engine(url, Options::default()).await?;
        engine.register(&workload.template()).await?;
        let answered = Arc::new(AtomicUsize::new(0));
        let mut started = Vec::with_capacity(workers);
        for _ in 0..workers {
            let answered = Arc::clone(&answered);
            let handler = move |_: StepContext| {
                let number = answered.fetch_add(1, Ordering::Relaxed);
                async move { Ok::<_, StepError>(json!({"ok": true, "number": number})) }
            };
            let worker = Worker::builder(Arc::clone(&engine)).handler(HANDLER, handler).slots(slots);
            started.push(worker.start().await?);
        }
        Ok(Self { engine, workload, workers: started, answered })
    }

    /// Ends the workers and closes the database.
    pub(super) async fn stop(self) {
        for worker in &self.workers {
            worker.shutdown(GRACE).await;
        }
        self.engine.store().close().await;
    }
}
