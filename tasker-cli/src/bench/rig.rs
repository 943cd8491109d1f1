use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tasker_core::orchestration::{Engine, Options};
use tasker_worker::{BatchPlan, Decision, HandlerRegistry, StepContext, StepError, Worker};

use super::workload::{DECIDE, HANDLER, SPLIT, Workload};
use crate::{database, failure::Result};

/// What the workers run: each handler counts its attempts.
fn handlers(answered: &Arc<AtomicUsize>) -> HandlerRegistry {
    let count = || {
        let answered = Arc::clone(answered);
        move || answered.fetch_add(1, Ordering::Relaxed)
    };
    let (no_op, split, decide) = (count(), count(), count());
    HandlerRegistry::new()
        .with(HANDLER, move |_: StepContext| {
            let number = no_op();
            async move { Ok::<_, StepError>(json!({"ok": true, "number": number})) }
        })
        .with_batch_analyzer(SPLIT, move |context: StepContext| {
            split();
            async move { Ok(BatchPlan::split(context.config("parts")?, 1)) }
        })
        .with_decision(DECIDE, move |_: StepContext| {
            decide();
            async { Ok(Decision::route(["left"])) }
        })
}

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
        for template in workload.templates() {
            engine.register(&template).await?;
        }
        let answered = Arc::new(AtomicUsize::new(0));
        let mut started = Vec::with_capacity(workers);
        for _ in 0..workers {
            let worker = Worker::builder(Arc::clone(&engine)).handlers(handlers(&answered)).slots(slots);
            started.push(worker.start().await?);
        }
        Ok(Self { engine, workload, workers: started, answered })
    }

    /// Ends the workers and closes the database.
    pub(super) async fn stop(self) {
        for worker in &self.workers {
            worker.shutdown(GRACE).await;
        }
        self.engine.close().await;
    }
}
