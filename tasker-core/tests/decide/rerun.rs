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

const BRANCHES: &str = "
name: branches
namespace: shop
version: 1.0.0
steps:
  - {name: pick, handler: {callable: h}}
  - {name: route, type: decision, handler: {callable: h}}
  - {name: fast, handler: {callable: h}, dependencies: [route, pick]}
  - {name: slow, handler: {callable: h}, dependencies: [route, pick]}
  - {name: wrap, handler: {callable: h}, dependencies: [route, slow]}
  - {name: tell, type: deferred_convergence, handler: {callable: h}, dependencies: [fast, wrap], retry: {max_attempts: 1}}
";

/// A task that chose `fast`, and has ended.
fn branched() -> Desk {
    let mut desk = Desk::new(BRANCHES);
    let next = Some(Next::Route { steps: vec!["fast".into()] });
    let routed = Outcome::Succeeded { result: Json::null(), next, events: Vec::new(), metadata: None };
    loop {
        let Some(claimed) = desk.claim(1).pop() else { break };
        let outcome = if desk.names(std::slice::from_ref(&claimed))[0] == "route" { routed.clone() } else { done() };
        desk.report(&[claimed], &outcome);
    }
    assert_eq!(desk.task().state, TaskState::Complete);
    desk
}

#[test]
fn what_a_decision_left_out_stays_so_with_its_result() {
    use StepState::{Complete, Enqueued, Pending, Skipped};
    let mut desk = branched();
    assert_eq!(desk.rerun_from("pick", &[]), None);
    assert_eq!(states(&desk, 1), [Enqueued, Complete, Pending, Skipped, Skipped, Pending]);
    let claimed = desk.claim(8);
    desk.report(&claimed, &done());
    let claimed = desk.claim(8);
    assert_eq!(desk.names(&claimed), ["fast"]);
    desk.report(&claimed, &done());
    let claimed = desk.claim(8);
    assert_eq!(desk.names(&claimed), ["tell"]);
    desk.report(&claimed, &Outcome::failed(StepError::permanent("broken", "no")));
    desk.check_log();
}

#[test]
fn the_step_to_begin_with_runs_though_it_was_left_out_and_what_depends_on_it_does_if_it_was_not() {
    use StepState::{Complete, Enqueued, Skipped};
    let mut desk = branched();
    assert_eq!(desk.rerun_from("slow", &[]), None);
    assert_eq!(
        states(&desk, 1),
        [Complete, Complete, Complete, Enqueued, Skipped, Enqueued],
        "`wrap` was left out too"
    );
    desk.check_log();
}

#[test]
fn a_decision_whose_result_is_given_has_left_nothing_out() {
    use StepState::{Complete, Enqueued, Pending};
    let mut desk = branched();
    assert_eq!(desk.rerun_from("pick", &[("route", json!({}))]), None);
    assert_eq!(states(&desk, 1), [Enqueued, Complete, Pending, Pending, Pending, Pending]);
    desk.check_log();
}

#[test]
fn a_step_that_was_left_out_stays_so_however_often_the_task_is_run_again() {
    use StepState::{Complete, Enqueued, Pending, Skipped};
    let mut desk = branched();
    assert_eq!(desk.rerun_from("fast", &[]), None);
    assert_eq!(states(&desk, 1), [Complete, Complete, Enqueued, Skipped, Skipped, Pending]);
    for _ in 0..2 {
        let claimed = desk.claim(8);
        desk.report(&claimed, &done());
    }
    assert_eq!(desk.rerun_task_from(1, "pick", &[]), None);
    assert_eq!(states(&desk, 2), [Enqueued, Complete, Pending, Skipped, Skipped, Pending]);
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
