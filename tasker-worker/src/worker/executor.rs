use std::{sync::Arc, time::Duration};

use tasker_core::model::{Outcome, StepError};

use crate::{
    handler::{HandlerRegistry, StepContext, run},
    runtime::{Held, Runtime, Taken},
};

/// Taken at once after a wait.
const READY_MAX: usize = 256;

/// Runs every attempt in a task of its own, until the worker ends.
pub(super) async fn execute(runtime: Arc<Runtime>, handlers: Arc<HandlerRegistry>) {
    loop {
        let Some(first) = runtime.poll(Duration::MAX).await else { continue };
        for taken in std::iter::once(first).chain(runtime.poll_ready(READY_MAX)) {
            match taken {
                Taken::Run(held) => drop(tokio::spawn(attempt(held, Arc::clone(&handlers)))),
                // Each attempt listens to its own cancellation.
                Taken::Cancel(_) => {}
                Taken::End => return,
            }
        }
    }
}

async fn attempt(mut held: Held, handlers: Arc<HandlerRegistry>) {
    held.begin();
    let callable = Arc::clone(&held.assignment().handler.callable);
    let Some(handler) = handlers.resolve(&callable) else {
        let message = format!("this worker was handed a step for `{callable}`, which it does not have");
        return held.report(Outcome::Failed { error: StepError::retryable("handler_not_found", message) });
    };
    let context = StepContext::new(held.assignment().clone(), held.cancellation());
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
