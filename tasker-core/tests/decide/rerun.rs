//! Running a task again from one of its steps.

use serde_json::json;
use tasker_core::{
    model::{Fact, Json, Next, Outcome, SkipReason, StepError, StepState, TaskState},
    state::Refusal,
};

use crate::{desk::Desk, done};

const LINE: &str = "
name: line
namespace: shop
version: 1.0.0
lifecycle: {max_duration_minutes: 60}
steps:
  - {name: pick, handler: {callable: h}}
  - {name: route, type: decision, handler: {callable: h}, dependencies: [pick]}
  - {name: fast, handler: {callable: h}, dependencies: [route]}
  - {name: slow, handler: {callable: h}, dependencies: [route]}
  - {name: ship, type: deferred_convergence, handler: {callable: h}, dependencies: [fast, slow], retry: {max_attempts: 1}}
  - {name: bill, handler: {callable: h}, dependencies: [pick]}
  - {name: tell, handler: {callable: h}, dependencies: [ship, bill]}
";

/// A task that went the slow way, and could not ship.
fn failed() -> Desk {
    let mut desk = Desk::new(LINE);
    loop {
        let Some(claimed) = desk.claim(1).pop() else { return desk };
        let outcome = match desk.names(std::slice::from_ref(&claimed))[0] {
            "route" => Outcome::Succeeded {
                result: Json::null(),
                next: Some(Next::Route { steps: vec!["slow".into()] }),
                events: Vec::new(),
                metadata: None,
            },
            "ship" => Outcome::failed(StepError::permanent("no_carrier", "no")),
            _ => done(),
        };
        desk.report(&[claimed], &outcome);
    }
}

fn states(desk: &Desk, at: usize) -> Vec<StepState> {
    desk.task_at(at).steps.iter().map(|step| step.state).collect()
}

#[test]
fn what_was_done_before_the_step_is_taken_over() {
    use StepState::{Complete, Enqueued, Pending, Skipped};
    let mut desk = failed();
    assert_eq!(desk.task().state, TaskState::Error);
    assert_eq!(desk.rerun_from("ship", &[]), None);
    assert_eq!(states(&desk, 1), [Complete, Complete, Skipped, Complete, Enqueued, Complete, Pending]);
    let new = desk.task_at(1);
    assert_eq!((new.counts.done, new.counts.total, new.deadline_at.is_some()), (5, 7, true));
    let (old_id, new_id) = (desk.task().task_id, new.task_id);
    let facts = desk.facts();
    let taken = |fact: &&Fact| matches!(fact, Fact::StepTakenOver { from, is_given: false, .. } if *from == old_id);
    assert_eq!(facts.iter().filter(taken).count(), 4);
    assert!(facts.contains(&Fact::StepSkipped { step: 2, reason: SkipReason::TakenOver, error: None }));
    assert!(facts.iter().any(|fact| matches!(fact, Fact::TaskRerun { task, .. } if *task == new_id)));
    for _ in 0..2 {
        let claimed = desk.claim(8);
        desk.report(&claimed, &done());
    }
    assert_eq!((desk.task_at(1).state, desk.task().state), (TaskState::Complete, TaskState::Error));
    desk.check_log();
}

#[test]
fn what_depends_on_the_step_runs_again_and_the_rest_does_not() {
    use StepState::{Complete, Enqueued, Pending};
    let mut desk = failed();
    assert_eq!(desk.rerun_from("route", &[]), None);
    assert_eq!(states(&desk, 1), [Complete, Enqueued, Pending, Pending, Pending, Complete, Pending]);
    desk.check_log();
}

#[test]
fn a_result_can_be_given_and_has_to_be_where_there_is_none() {
    let mut desk = failed();
    let before = desk.log_len();
    assert_eq!(desk.rerun_from("tell", &[]), Some(Refusal::NoResult { step: "ship".into() }));
    assert_eq!(desk.log_len(), before, "nothing is written");
    assert_eq!(desk.rerun_from("tell", &[("ship", json!({"parcel": 7}))]), None);
    let step = desk.task_at(1).steps[4].id;
    let facts = desk.facts();
    assert!(facts.iter().any(|fact| matches!(fact, Fact::StepTakenOver { step: 4, is_given: true, .. })));
    assert_eq!(desk.result_of(step), json!({"parcel": 7}));
    assert_eq!(desk.task_at(1).steps[6].state, StepState::Enqueued);
    desk.check_log();
}

#[test]
fn a_task_that_runs_is_not_run_again() {
    let mut desk = Desk::new(LINE);
    let claimed = desk.claim(1);
    desk.report(&claimed, &done());
    assert_eq!(desk.rerun_from("route", &[]), Some(Refusal::TaskState(TaskState::InProgress)));
}

#[test]
fn a_task_may_be_through_as_soon_as_it_has_taken_over() {
    let yaml = "{name: it, namespace: shop, version: 1.0.0,
        steps: [{name: work, handler: {callable: h}, on_exhaustion: skip}, {name: more, handler: {callable: h}, when: 'input.more',
        dependencies: [work]}], finally: [{name: tell, handler: {callable: h}, when: has(results.work)}]}";
    let mut desk = Desk::new(yaml);
    desk.give(&json!({"more": false}));
    let claimed = desk.claim(1);
    desk.report(&claimed, &Outcome::failed(StepError::permanent("broken", "no")));
    assert_eq!(desk.task().state, TaskState::Complete);
    assert_eq!(desk.rerun_from("more", &[]), None);
    assert_eq!(desk.task_at(1).state, TaskState::Complete);
    assert_eq!(states(&desk, 1), [StepState::Skipped; 3], "`finally` asks for a result that nobody has");
    desk.check_log();
}
