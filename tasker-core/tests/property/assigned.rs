//! What a worker is handed must be all that its handler may ask for, and nothing else.

use std::collections::BTreeMap;

use tasker_core::model::{Assignment, StepState, Timestamp};

use crate::{
    ensure,
    observer::Observer,
    violation::{Checked, Violation},
};

pub(crate) fn check_assignment(observer: &Observer, assignment: &Assignment, until: Timestamp) -> Checked {
    let lease = assignment.lease;
    let found = observer.step(lease);
    let (observed, step) = found.ok_or_else(|| Violation("it names no stored step".to_owned()))?;
    let (task, blueprint, idx) = (&observed.task, observed.blueprint(), lease.step_idx as usize);
    ensure!(step.state == StepState::InProgress && step.attempt == lease.attempt, "the step is {}", step.state);
    ensure!(assignment.lease_until == until && step.due_at == Some(until), "its lease ends at {:?}", step.due_at);
    ensure!(assignment.step_uuid == step.id.uuid(), "another uuid");

    let names = [&assignment.namespace, &assignment.template, &assignment.version, &assignment.step];
    let expected = [&task.namespace, &task.name, &task.version, &step.name];
    ensure!(names.iter().zip(expected).all(|(name, expected)| ***name == **expected), "it names {names:?}");
    ensure!(step.name == blueprint.name(idx), "step {idx} is {}", step.name);
    ensure!(*assignment.handler.callable == *step.handler, "the handler is {:?}", assignment.handler);

    ensure!(assignment.input == task.context, "the input is {}", assignment.input);
    ensure!(assignment.correlation_id.as_deref() == task.correlation_id.as_deref(), "another correlation id");
    let ancestors = blueprint.ancestors[idx].iter();
    let expected: BTreeMap<_, _> =
        ancestors.map(|before| (blueprint.name(*before), observed.steps[*before].result.as_ref())).collect();
    let found: BTreeMap<_, _> = assignment.results.iter().map(|(name, result)| (&**name, Some(result))).collect();
    ensure!(found == expected, "the results are {found:?}, of the ancestors {expected:?}");

    let policy = (assignment.failures, assignment.max_attempts, assignment.timeout_ms);
    let timeout_ms = blueprint.template.steps[idx].timeout().map(|timeout| timeout.as_millis());
    let expected = (step.failures, blueprint.retry(idx).max_attempts, timeout_ms.and_then(|ms| u64::try_from(ms).ok()));
    ensure!(policy == expected, "failures, attempts and timeout are {policy:?}, not {expected:?}");
    Ok(())
}
