//! What a step says about the steps after it.

use super::split::{Split, split};
use crate::{
    dag::Definition,
    model::{Next, StepError},
    state::StepSnapshot,
    template::{StepKind, nearest},
};

/// Which dependents of a step go on.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::state) enum Chosen {
    All,
    /// Of a decision: these, and convergences; the others are skipped.
    These(Vec<u32>),
    /// Of a batchable step: all but the other steps that could have done the work.
    Parts(Split),
}

/// Checks what a step says about the steps after it against its type and its dependents; its task may come to `parts_max`
/// more parts.
pub(in crate::state) fn chosen(
    step: &StepSnapshot,
    next: Option<&Next>,
    definition: &Definition,
    parts_max: usize,
) -> Result<Chosen, StepError> {
    let kind = definition.step(step.id.idx).map(|step| step.kind).unwrap_or_default();
    let invalid = |message: String| Err(StepError::permanent("decision_invalid", message));
    match (kind, next) {
        (StepKind::Decision, Some(Next::Route { steps })) if steps.is_empty() => {
            invalid(format!("decision `{}` names no step: to leave all of them out, skip with a reason", step.name))
        }
        (StepKind::Decision, Some(Next::Route { steps })) => {
            let named = steps.iter().map(|name| dependent(step, name, definition));
            named.collect::<Result<_, _>>().map(Chosen::These)
        }
        (StepKind::Decision, Some(Next::Skip { .. })) => Ok(Chosen::These(Vec::new())),
        (StepKind::Decision, _) => {
            invalid(format!("decision `{}` does not say which steps run after it: route to them, or skip", step.name))
        }
        (StepKind::Batchable, Some(Next::Batches(config))) => {
            split(step, config, definition, parts_max).map(Chosen::Parts)
        }
        (StepKind::Batchable, _) => {
            let reason = "does not say into which parts the work is split: return batches, of which there may be none";
            Err(StepError::permanent("batch_invalid", format!("batchable step `{}` {reason}", step.name)))
        }
        (_, None) => Ok(Chosen::All),
        (_, Some(_)) => {
            let reason = "says what runs after it, but is no decision and not batchable: give it that type";
            invalid(format!("step `{}` {reason}", step.name))
        }
    }
}

fn dependent(step: &StepSnapshot, name: &str, definition: &Definition) -> Result<u32, StepError> {
    let known = || step.dependents.iter().filter_map(|idx| definition.steps.get(*idx as usize));
    if let Some(found) = known().find(|dependent| *dependent.name == *name) {
        return Ok(found.idx);
    }
    let exists = definition.steps.iter().any(|other| *other.name == *name);
    let what = if exists { "does not depend on it" } else { "is not a step" };
    let remedy = match nearest(name, known().map(|dependent| &*dependent.name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<&str> = known().map(|dependent| &*dependent.name).collect();
            format!("it can choose among: {}", names.join(", "))
        }
    };
    let message = format!("decision `{}` chose `{name}`, which {what} ({remedy})", step.name);
    Err(StepError::permanent("decision_invalid", message).bounded())
}
