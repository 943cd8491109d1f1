//! The decider by itself: what it answers, and what it asks to see first.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod batch;
mod desk;
mod ending;
mod flow;
mod operate;
mod rerun;

use std::time::Duration;

use desk::Desk;
use tasker_core::{
    model::{Actor, ErrorKind, Fact, Json, Outcome, StepError, StepState, TaskState, Verdict, limits},
    state::{Decision, Input, Look, Verb},
};

fn done() -> Outcome {
    Outcome::succeeded(Json::from(&serde_json::json!({"ok": true})))
}

fn failed(kind: ErrorKind) -> Outcome {
    Outcome::failed(StepError::new(kind, "broken", "it broke"))
}

const DIAMOND: &str = "
name: diamond
namespace: shop
version: 1.0.0
steps:
  - {name: a, handler: {callable: h}}
  - {name: b, handler: {callable: h}, dependencies: [a]}
  - {name: c, handler: {callable: h}, dependencies: [a]}
  - {name: d, handler: {callable: h}, dependencies: [b, c]}
";

#[test]
fn a_diamond_runs_in_three_commits_and_releases_the_join_once() {
    let mut desk = Desk::new(DIAMOND);
    let a = desk.claim(8);
    assert_eq!(desk.names(&a), ["a"]);
    let both = desk.report_and_claim(&a, &done(), 8);
    assert_eq!(desk.names(&both), ["b", "c"]);
    let join = desk.report_and_claim(&both, &done(), 8);
    assert_eq!(desk.names(&join), ["d"]);
    desk.report_and_claim(&join, &done(), 8);
    assert_eq!(desk.task().state, TaskState::Complete);
    assert_eq!(desk.task().counts.done, 4);
    desk.check_log();
}

#[test]
fn ready_steps_beyond_what_is_wanted_are_enqueued_for_others() {
    let mut desk = Desk::new(DIAMOND);
    let a = desk.claim(1);
    let one = desk.report_and_claim(&a, &done(), 1);
    assert_eq!(desk.names(&one), ["b"]);
    assert_eq!(desk.state("c"), StepState::Enqueued);
    assert!(desk.facts().contains(&Fact::StepEnqueued { step: 2 }));
    assert!(!desk.facts().contains(&Fact::StepEnqueued { step: 1 }), "what is handed out at once was never in a queue");
}

#[test]
fn an_old_attempt_is_refused_and_changes_nothing() {
    let mut desk = Desk::new(DIAMOND);
    let first = desk.claim(1);
    desk.pass(Duration::from_secs(31));
    desk.apply(&[desk.due("a")], None);
    let second = desk.claim(1);
    assert_eq!((first[0].attempt, second[0].attempt), (1, 2));
    let before = desk.log_len();
    assert_eq!(desk.report(&first, &done()), [Verdict::StaleLease]);
    assert_eq!((desk.state("a"), desk.log_len()), (StepState::InProgress, before));
    assert_eq!(desk.report(&second, &done()), [Verdict::Accepted]);
    assert_eq!(desk.report(&second, &done()), [Verdict::StaleLease]);
    desk.check_log();
}

#[test]
fn a_lease_that_still_runs_is_left_alone() {
    let mut desk = Desk::new(DIAMOND);
    desk.claim(1);
    desk.pass(Duration::from_secs(29));
    desk.apply(&[desk.due("a")], None);
    assert_eq!(desk.state("a"), StepState::InProgress);
}

#[test]
fn a_retry_waits_for_its_time_and_gives_up_after_the_last_attempt() {
    let mut desk = Desk::new(DIAMOND);
    for failure in 1..=2 {
        let claimed = desk.claim(1);
        desk.report(&claimed, &failed(ErrorKind::Retryable));
        assert_eq!((desk.state("a"), desk.step("a").failures), (StepState::WaitingForRetry, failure));
        assert!(desk.claim(1).is_empty());
        desk.apply(&[desk.due("a")], None);
        assert_eq!(desk.state("a"), StepState::WaitingForRetry, "not before its time");
        desk.pass(Duration::from_secs(10));
        desk.apply(&[desk.due("a")], None);
        assert_eq!(desk.state("a"), StepState::Enqueued);
    }
    let last = desk.claim(1);
    desk.report(&last, &failed(ErrorKind::Retryable));
    assert_eq!((desk.state("a"), desk.task().state), (StepState::Error, TaskState::Error));
    assert_eq!(desk.task().error.as_ref().map(|error| error.code.as_str()), Some("broken"));
    for name in ["b", "c", "d"] {
        assert_eq!(desk.state(name), StepState::Cancelled);
    }
    desk.check_log();
}

#[test]
fn a_failure_cancels_what_depends_on_it_and_lets_the_rest_run_on() {
    let mut desk = Desk::new(
        "
name: branches
namespace: shop
version: 1.0.0
steps:
  - {name: bad, handler: {callable: h}}
  - {name: after_bad, handler: {callable: h}, dependencies: [bad]}
  - {name: good, handler: {callable: h}}
  - {name: after_good, handler: {callable: h}, dependencies: [good]}
  - {name: join, handler: {callable: h}, dependencies: [after_bad, after_good]}
",
    );
    let roots = desk.claim(8);
    let (bad, good) = roots.split_at(1);
    desk.report(bad, &failed(ErrorKind::Permanent));
    assert_eq!(desk.task().state, TaskState::InProgress);
    assert_eq!([desk.state("after_bad"), desk.state("join")], [StepState::Cancelled; 2]);
    let after_good = desk.report_and_claim(good, &done(), 8);
    assert_eq!(desk.names(&after_good), ["after_good"]);
    desk.report(&after_good, &done());
    assert_eq!(desk.task().state, TaskState::Error);
    assert_eq!((desk.task().counts.done, desk.task().counts.failed), (5, 1));
    desk.check_log();
}

#[test]
fn a_step_that_keeps_losing_its_worker_is_put_aside() {
    let mut desk = Desk::new(DIAMOND);
    for _ in 0..limits::LOSSES {
        assert_eq!(desk.claim(1).len(), 1);
        desk.pass(Duration::from_secs(31));
        desk.apply(&[desk.due("a")], None);
    }
    assert_eq!(desk.state("a"), StepState::Error);
    assert_eq!((desk.step("a").losses, desk.step("a").failures), (limits::LOSSES, 0));
    assert_eq!(desk.task().error.as_ref().map(|error| error.code.as_str()), Some("worker_lost"));
}

#[test]
fn a_step_given_back_counts_neither_as_failed_nor_as_lost() {
    let mut desk = Desk::new(DIAMOND);
    let claimed = desk.claim(1);
    desk.report(&claimed, &Outcome::Released);
    let step = desk.step("a");
    assert_eq!((step.state, step.attempt, step.failures, step.losses), (StepState::Enqueued, 1, 0, 0));
    let again = desk.claim(1);
    desk.report(&again, &Outcome::Abandoned);
    let step = desk.step("a");
    assert_eq!((step.state, step.attempt, step.failures, step.losses), (StepState::Enqueued, 2, 0, 1));
}

#[test]
fn cancelling_stops_everything_and_refuses_what_comes_late() {
    let mut desk = Desk::new(DIAMOND);
    let claimed = desk.claim(1);
    let cancel = Input::Operate { task_id: desk.task().task_id, verb: Verb::Cancel, actor: Actor::named("ops") };
    assert_eq!(desk.apply(std::slice::from_ref(&cancel), None), [Verdict::Accepted]);
    assert_eq!((desk.task().state, desk.task().counts.active, desk.task().counts.done), (TaskState::Cancelled, 0, 4));
    assert_eq!(desk.report(&claimed, &done()), [Verdict::TaskCancelled]);
    assert_eq!(desk.apply(&[cancel], None), [Verdict::TaskCancelled]);
    desk.check_log();
}

#[test]
fn a_deadline_ends_the_task_as_an_error_only_when_it_has_passed() {
    let mut desk = Desk::new(&format!("{DIAMOND}lifecycle: {{max_duration_minutes: 1}}\n"));
    desk.claim(1);
    let deadline = Input::DeadlinePassed { task_id: desk.task().task_id };
    desk.pass(Duration::from_secs(59));
    desk.apply(std::slice::from_ref(&deadline), None);
    assert_eq!(desk.task().state, TaskState::InProgress);
    desk.pass(Duration::from_secs(1));
    desk.apply(&[deadline], None);
    assert_eq!(desk.task().state, TaskState::Error);
    assert_eq!(desk.task().error.as_ref().map(|error| error.code.as_str()), Some("deadline_exceeded"));
    assert_eq!(desk.task().deadline_at, None);
    desk.check_log();
}

#[test]
fn a_result_that_breaks_its_schema_or_the_limit_fails_the_step_for_good() {
    let yaml = "
name: checked
namespace: shop
version: 1.0.0
steps:
  - name: a
    handler: {callable: h}
    result_schema: {type: object, required: [total], properties: {total: {type: integer}}}
";
    let code = |result: &serde_json::Value| {
        let mut desk = Desk::new(yaml);
        let claimed = desk.claim(1);
        desk.report(&claimed, &Outcome::succeeded(Json::from(result)));
        let error = desk.task().error.clone();
        (desk.state("a"), error.map(|error| error.code))
    };
    assert_eq!(code(&serde_json::json!({"total": 3})), (StepState::Complete, None));
    assert_eq!(code(&serde_json::json!({"total": "3"})), (StepState::Error, Some("result_invalid".into())));
    let huge = serde_json::json!({"total": 3, "blob": "x".repeat(limits::PAYLOAD_BYTES)});
    assert_eq!(code(&huge), (StepState::Error, Some("result_too_large".into())));
}

#[test]
fn urgent_steps_in_the_queue_go_before_ready_ones_when_the_queue_is_looked_into() {
    let mut desk = Desk::new(DIAMOND);
    let a = desk.claim(1);
    desk.add_task(5);
    let taken = desk.report_and_claim_looking(&a, &done(), 1, Look::Always);
    assert_eq!(taken[0].id.task_id, desk.task_at(1).task_id);
    assert_eq!([desk.state("b"), desk.state("c")], [StepState::Enqueued; 2]);
}

#[test]
fn steps_of_other_routes_are_never_handed_out() {
    let mut desk = Desk::new(DIAMOND);
    desk.serve_only("other");
    assert!(desk.claim(8).is_empty());
    assert_eq!(desk.state("a"), StepState::Enqueued);
}

#[test]
fn it_asks_for_what_it_must_see_and_decides_the_same_twice() {
    let mut desk = Desk::new(DIAMOND);
    let a = desk.claim(1);
    desk.forget_templates();
    let input = desk.report_input(&a[0], &done());
    assert!(matches!(desk.ask(std::slice::from_ref(&input), None), Decision::NeedsTemplates(_)));
    desk.remember_templates();
    let fatal = desk.report_input(&a[0], &failed(ErrorKind::Permanent));
    assert!(matches!(desk.ask(&[fatal], None), Decision::NeedsWhole(_)));
    let once = format!("{:?}", desk.ask(std::slice::from_ref(&input), None));
    assert_eq!(once, format!("{:?}", desk.ask(&[input], None)));
}
