//! Events of the user's own domain.

use serde_json::json;

use crate::{
    dag::{Publication, Rules},
    model::{DomainEvent, ErrorKind, Json, Outcome, StepError, limits},
    state::judge::Judgement,
    template::PublishCondition,
};

/// The events that an outcome publishes: what the handler published, and what is declared and was not; each as far as its
/// condition is met.
///
/// Errors where a successful attempt publishes what is not declared, or does not satisfy its schema. A failed attempt cannot
/// fail twice: such events of it are left out.
pub(in crate::state) fn publications(
    step: &str,
    rules: Option<&Rules>,
    outcome: &Outcome,
    judgement: &Judgement,
) -> Result<Vec<DomainEvent>, StepError> {
    let published = match outcome {
        Outcome::Succeeded { events, .. } | Outcome::Failed { events, .. } => events.as_slice(),
        Outcome::Released | Outcome::Abandoned => return Ok(Vec::new()),
    };
    let declared = rules.map(|rules| rules.publishes.as_slice()).unwrap_or_default();
    let is_success = matches!(judgement, Judgement::Complete { .. });
    if is_success {
        check(step, declared, published)?;
    }
    let mut events = Vec::new();
    for publication in declared.iter().filter(|publication| is_met(publication.event.condition, judgement)) {
        let name = &publication.event.name;
        let before = events.len();
        let of_handler = published.iter().filter(|event| event.name == *name);
        events.extend(of_handler.filter(|event| publication.check(&event.payload).is_ok()).cloned());
        if events.len() > before || published.iter().any(|event| event.name == *name) {
            continue;
        }
        let Some(payload) = default_payload(judgement) else { continue };
        match publication.check(&payload) {
            Ok(()) => events.push(DomainEvent { name: name.clone(), payload }),
            Err(reason) if is_success => return Err(invalid(step, name, &reason)),
            Err(_) => {}
        }
    }
    Ok(events)
}

fn check(step: &str, declared: &[Publication], published: &[DomainEvent]) -> Result<(), StepError> {
    if published.len() > limits::EVENTS {
        let message =
            format!("step `{step}` published {} events; at most {} are taken", published.len(), limits::EVENTS);
        return Err(StepError::permanent("event_invalid", message));
    }
    for DomainEvent { name, payload } in published {
        let Some(publication) = declared.iter().find(|publication| publication.event.name == *name) else {
            let names: Vec<&str> = declared.iter().map(|publication| publication.event.name.as_str()).collect();
            let message = format!(
                "step `{step}` published `{name}`, which is not among its publishes_events ({})",
                names.join(", ")
            );
            return Err(StepError::permanent("event_not_declared", message).bounded());
        };
        if payload.size() > limits::PAYLOAD_BYTES {
            let reason = format!("it has {} bytes; the limit is {}", payload.size(), limits::PAYLOAD_BYTES);
            return Err(invalid(step, name, &reason));
        }
        publication.check(payload).map_err(|reason| invalid(step, name, &reason))?;
    }
    Ok(())
}

fn invalid(step: &str, name: &str, reason: &str) -> StepError {
    let message = format!("the payload of event `{name}` of step `{step}` is not what its schema says: {reason}");
    StepError::permanent("event_invalid", message).bounded()
}

fn is_met(condition: PublishCondition, judgement: &Judgement) -> bool {
    let kind = match judgement {
        Judgement::Complete { .. } => None,
        Judgement::Retry { .. } => Some(ErrorKind::Retryable),
        Judgement::Error(_) => Some(ErrorKind::Permanent),
        Judgement::Return { .. } => return false,
    };
    match condition {
        PublishCondition::Always => true,
        PublishCondition::Success => kind.is_none(),
        PublishCondition::Failure => kind.is_some(),
        PublishCondition::RetryableFailure => kind == Some(ErrorKind::Retryable),
        PublishCondition::PermanentFailure => kind == Some(ErrorKind::Permanent),
    }
}

/// What an event says that the handler did not publish itself.
fn default_payload(judgement: &Judgement) -> Option<Json> {
    match judgement {
        Judgement::Complete { result, .. } => Some(result.clone()),
        Judgement::Retry { error, .. } | Judgement::Error(error) => {
            Some(Json::from(&json!({"code": error.code, "message": error.message, "context": error.context})))
        }
        Judgement::Return { .. } => None,
    }
}
