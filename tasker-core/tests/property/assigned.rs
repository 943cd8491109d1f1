//! What a worker is handed must be all that its handler may ask for, and nothing else.

use std::collections::BTreeMap;

use tasker_core::model::{Assignment, Step, StepState, Timestamp};

use crate::{
    ensure,
    observer::{Observed, Observer},
    violation::{Checked, Violation},
};

/// Checks an assignment that was made just now.
pub(crate) fn check_assignment(observer: &Observer, assignment: &Assignment, until: Timestamp) -> Checked {
    let (_, step) = stored(observer, assignment)?;
    let is_running = step.state == StepState::InProgress && step.attempt == assignment.lease.attempt;
    ensure!(is_running, "the step is {} with attempt {}", step.state, step.attempt);
    ensure!(assignment.lease_until == until && step.due_at == Some(until), "its lease ends at {:?}", step.due_at);
    ensure!(assignment.failures == step.failures, "{} failures, not {}", assignment.failures, step.failures);
    check_content(observer, assignment)
}

/// Checks all that holds for good: inputs and results are written once.
pub(crate) fn check_content(observer: &Observer, assignment: &Assignment) -> Checked {
    let (observed, step) = stored(observer, assignment)?;
    let (task, blueprint, idx) = (&observed.task, observed.blueprint(), step.id.idx as usize);
    ensure!(assignment.step_uuid == step.id.uuid(), "another uuid");
    let names = [&assignment.namespace, &assignment.template, &assignment.version, &assignment.step];
    let expected = [&task.namespace, &task.name, &task.version, &step.name];
    ensure!(names.iter().zip(expected).all(|(name, expected)| ***name == **expected), "it names {names:?}");
    ensure!(step.name == blueprint.name(idx), "step {idx} is {}", step.name);
    ensure!(*assignment.handler.callable == *step.handler, "the handler is {:?}", assignment.handler);

    ensure!(assignment.input == task.context, "the input is {}", assignment.input);
    ensure!(assignment.correlation_id.as_deref() == task.correlation_id.as_deref(), "another correlation id");
    let ancestors = blueprint.ancestors[idx].iter();
    // What an operator closed may have no result.
    let expected: BTreeMap<_, _> = ancestors
        .filter_map(|before| Some((blueprint.name(*before), observed.steps[*before].result.as_ref()?)))
        .collect();
    let found: BTreeMap<_, _> = assignment.results.iter().map(|(name, result)| (&**name, result)).collect();
    ensure!(found == expected, "the results are {found:?}, of the ancestors {expected:?}");

    let policy = (assignment.max_attempts, assignment.timeout_ms);
    let timeout_ms = blueprint.template.steps[idx].timeout().map(|timeout| timeout.as_millis());
    let expected = (blueprint.retry(idx).max_attempts, timeout_ms.and_then(|ms| u64::try_from(ms).ok()));
    ensure!(policy == expected, "attempts and timeout are {policy:?}, not {expected:?}");
    Ok(())
}

fn stored<'a>(observer: &'a Observer, assignment: &Assignment) -> Checked<(&'a Observed, &'a Step)> {
    observer.step(assignment.lease).ok_or_else(|| Violation("it names no stored step".to_owned()))
}
