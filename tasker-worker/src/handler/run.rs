use std::{any::Any, panic::AssertUnwindSafe};

use futures::FutureExt;
use tasker_core::model::{Outcome, StepError, limits};

use super::{StepContext, StepHandler, StepResult};

/// Runs one attempt to its outcome. A panic becomes a retryable `handler_panicked`, a result over
/// [`limits::PAYLOAD_BYTES`] a permanent `result_too_large`.
pub async fn run(handler: &dyn StepHandler, context: &StepContext) -> Outcome {
    // The call itself is inside the future too: a handler written without `async` may panic before it returns one.
    let attempt = AssertUnwindSafe(async { handler.call(context).await });
    let ended = match attempt.catch_unwind().await {
        Ok(ended) => ended,
        Err(panic) => Err(StepError::retryable("handler_panicked", panic_text(panic.as_ref()))),
    };
    let events = context.take_events();
    checked(match ended {
        Ok(result) => {
            let StepResult { json: result, next, metadata } = result;
            Outcome::Succeeded { result, next, events, metadata: metadata.map(Box::new) }
        }
        Err(error) => Outcome::Failed { error, events },
    })
}

/// The outcome within the limits of its size, whatever language it comes from.
pub(crate) fn checked(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Succeeded { result, next, events, metadata } => match fault_of_size(result.size()) {
            None => Outcome::Succeeded { result, next, events, metadata },
            Some(error) => Outcome::Failed { error, events },
        },
        Outcome::Failed { error, events } => Outcome::Failed { error: error.bounded(), events },
        Outcome::Released | Outcome::Abandoned => outcome,
    }
}

fn fault_of_size(size: usize) -> Option<StepError> {
    let limit = limits::PAYLOAD_BYTES;
    let message = format!(
        "the result has {size} bytes and the limit is {limit}: store the data elsewhere and return where it is"
    );
    (size > limit).then(|| StepError::permanent("result_too_large", message))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the handler panicked with a value that is not a text").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tasker_core::model::{ErrorKind, Json};

    use super::*;
    use crate::handler::{HandlerRegistry, context::tests::context};

    async fn outcome_of(registry: HandlerRegistry) -> Outcome {
        let handler = registry.resolve("it").unwrap();
        run(handler.as_ref(), &context(json!({"n": 20}))).await
    }

    fn failure(outcome: Outcome) -> (ErrorKind, String) {
        match outcome {
            Outcome::Failed { error, .. } => (error.kind, error.code),
            other => panic!("{other:?} is no failure"),
        }
    }

    #[tokio::test]
    async fn the_value_of_a_closure_is_the_result() {
        let registry = HandlerRegistry::new().with("it", |context: StepContext| async move {
            let n: u32 = context.input("n")?;
            Ok(json!({"n": n + 1}))
        });
        assert_eq!(outcome_of(registry).await, Outcome::succeeded(Json::from(&json!({"n": 21}))));
    }

    #[tokio::test]
    async fn a_panic_is_a_retryable_failure() {
        async fn divide(context: StepContext) -> Result<u32, StepError> {
            let n: u32 = context.input("n")?;
            Ok(1 / (n - 20))
        }
        let registry = HandlerRegistry::new().with("it", divide);
        assert_eq!(failure(outcome_of(registry).await), (ErrorKind::Retryable, "handler_panicked".to_owned()));
    }

    #[tokio::test]
    async fn a_result_over_the_limit_is_a_permanent_failure() {
        let of_size = |size: usize| {
            // Two of the bytes are the quotes.
            HandlerRegistry::new().with("it", move |_| async move { Ok("x".repeat(size - 2)) })
        };
        assert!(matches!(outcome_of(of_size(limits::PAYLOAD_BYTES)).await, Outcome::Succeeded { .. }));
        let over = outcome_of(of_size(limits::PAYLOAD_BYTES + 1)).await;
        assert_eq!(failure(over), (ErrorKind::Permanent, "result_too_large".to_owned()));
    }

    #[tokio::test]
    async fn an_error_of_another_library_is_retryable() {
        let registry = HandlerRegistry::new().with("it", |_| async { Ok("many".parse::<u32>()?) });
        assert_eq!(failure(outcome_of(registry).await), (ErrorKind::Retryable, "handler_error".to_owned()));
    }
}
