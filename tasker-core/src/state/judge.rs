use std::time::Duration;

use super::{
    StepSnapshot, delay,
    flow::{Chosen, chosen},
};
use crate::{
    dag::Definition,
    model::{ErrorKind, Json, Outcome, StepError, limits},
};

/// What an outcome means for its step.
pub(super) enum Judgement {
    Complete {
        result: Json,
        chosen: Chosen,
    },
    Retry {
        error: StepError,
        delay: Duration,
    },
    Error(StepError),
    /// Back to the queue; `is_lost` if the worker vanished in the middle.
    Return {
        is_lost: bool,
    },
}

/// Judges how an attempt ended by the step's limits, its `result_schema` and its retry policy; its task may come to
/// `parts_max` more parts.
pub(super) fn judge(step: &StepSnapshot, outcome: &Outcome, definition: &Definition, parts_max: usize) -> Judgement {
    match outcome {
        Outcome::Succeeded { result, next, .. } => {
            let refused = refusal(step, result, definition).map_or(Ok(()), Err);
            match refused.and_then(|()| chosen(step, next.as_ref(), definition, parts_max)) {
                Ok(chosen) => Judgement::Complete { result: result.clone(), chosen },
                Err(error) => Judgement::Error(error),
            }
        }
        Outcome::Failed { error, .. } => fail(step, error, definition),
        Outcome::Released => Judgement::Return { is_lost: false },
        Outcome::Abandoned => lose(step),
    }
}

/// Judges an attempt whose worker vanished.
pub(super) fn lose(step: &StepSnapshot) -> Judgement {
    if step.losses + 1 < limits::LOSSES {
        return Judgement::Return { is_lost: true };
    }
    let message = format!("step `{}` lost its worker {} times; it may be what kills it", step.name, limits::LOSSES);
    Judgement::Error(StepError::permanent("worker_lost", message))
}

fn fail(step: &StepSnapshot, error: &StepError, definition: &Definition) -> Judgement {
    let error = error.clone().bounded();
    let Some(policy) = definition.step(step.id.idx).map(|step| &step.retry) else {
        return Judgement::Error(error);
    };
    let failures = step.failures + 1;
    if error.kind == ErrorKind::Permanent || !policy.retryable || failures >= policy.max_attempts {
        return Judgement::Error(error);
    }
    let delay = delay(policy, failures, step.id, error.retry_after_ms);
    Judgement::Retry { error, delay }
}

fn refusal(step: &StepSnapshot, result: &Json, definition: &Definition) -> Option<StepError> {
    if result.size() > limits::PAYLOAD_BYTES {
        let message = format!(
            "the result of step `{}` has {} bytes; at most {} are kept: store it elsewhere and return where it is",
            step.name,
            result.size(),
            limits::PAYLOAD_BYTES
        );
        return Some(StepError::permanent("result_too_large", message));
    }
    let faults = definition.check_result(step.id.idx, result).err()?;
    let places: Vec<_> = faults.iter().take(10).map(|fault| format!("{}: {}", fault.place(), fault.message)).collect();
    let message = format!("the result of step `{}` does not satisfy result_schema: {}", step.name, places.join("; "));
    let mut error = StepError::permanent("result_invalid", message).bounded();
    error.context = serde_json::to_value(&faults).ok().map(Box::new);
    Some(error.bounded())
}
