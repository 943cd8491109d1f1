use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use tasker_core::model::{Checkpoint, Lease, Outcome, StepError};

use crate::{
    coordinator,
    handler::{Checkpoints, HandlerRegistry, StepContext, run},
    runtime::{Held, Runtime, Taken},
};

/// Taken at once after a wait.
const READY_MAX: usize = 256;

/// Runs every attempt in a task of its own, until the worker ends.
pub(super) async fn execute(runtime: Arc<Runtime>, handlers: Arc<HandlerRegistry>) {
    let checkpoints: Arc<dyn Checkpoints> = Arc::new(ToRuntime(Arc::downgrade(&runtime)));
    loop {
        let Some(first) = runtime.poll(Duration::MAX).await else { continue };
        for taken in std::iter::once(first).chain(runtime.poll_ready(READY_MAX)) {
            match taken {
                Taken::Run(held) => {
                    drop(tokio::spawn(attempt(held, Arc::clone(&handlers), Arc::clone(&checkpoints))));
                }
                // Each attempt listens to its own cancellation.
                Taken::Cancel(_) => {}
                Taken::End => return,
            }
        }
    }
}

/// The runtime, as long as the worker lives: a handler that goes on by itself does not keep it alive.
struct ToRuntime(Weak<Runtime>);

#[async_trait]
impl Checkpoints for ToRuntime {
    async fn put(&self, lease: Lease, checkpoint: &Checkpoint) -> Result<bool, coordinator::Error> {
        let Some(runtime) = self.0.upgrade() else { return Ok(false) };
        runtime.checkpoint(lease, checkpoint).await
    }
}

async fn attempt(mut held: Held, handlers: Arc<HandlerRegistry>, checkpoints: Arc<dyn Checkpoints>) {
    held.begin();
    let callable = Arc::clone(&held.assignment().handler.callable);
    let Some(handler) = handlers.resolve(&callable) else {
        let message = format!("this worker was handed a step for `{callable}`, which it does not have");
        return held.report(Outcome::failed(StepError::retryable("handler_not_found", message)));
    };
    let context = StepContext::with_checkpoints(held.assignment().clone(), held.cancellation(), Some(checkpoints));
    let outcome = tokio::select! {
        biased;
        outcome = run(handler.as_ref(), &context) => Some(outcome),
        () = held.revoked() => None,
    };
    // Without an outcome the handler was dropped where it was; dropping the attempt frees its slot.
    if let Some(outcome) = outcome {
        held.report(outcome);
    }
}
