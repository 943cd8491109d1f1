use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tasker_worker::{HandlerRegistry, StepContext, StepError, StepHandler, StepResult};
use tokio::time::sleep;

/// The handlers of the examples, each of which first rests for `pace`, so that people can watch.
pub(super) fn example_handlers(pace: Duration) -> HandlerRegistry {
    let registry = tasker_examples::registry();
    if pace.is_zero() {
        return registry;
    }
    let paced = |slowed: HandlerRegistry, name: &Arc<str>| match registry.resolve(name) {
        Some(handler) => slowed.with_handler(Arc::clone(name), Paced { handler: Arc::clone(handler), pace }),
        None => slowed,
    };
    registry.names().fold(HandlerRegistry::new(), paced)
}

struct Paced {
    handler: Arc<dyn StepHandler>,
    pace: Duration,
}

#[async_trait]
impl StepHandler for Paced {
    async fn call(&self, context: &StepContext) -> Result<StepResult, StepError> {
        sleep(self.pace).await;
        self.handler.call(context).await
    }
}
