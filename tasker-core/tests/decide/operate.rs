//! What operators may do, what they may not, and what follows from it.

use std::time::Duration;

use tasker_core::{
    model::{ErrorKind, Fact, Json, Next, Outcome, StepState, TaskState, Verdict, limits},
    state::{Look, Refusal, Verb, Which},
};

use crate::{DIAMOND, desk::Desk, done, failed};

/// Two branches that fail, and a join behind both.
const BRANCHES: &str = "
name: branches
namespace: shop
version: 1.0.0
steps:
  - {name: left, handler: {callable: h}}
  - {name: after_left, handler: {callable: h}, dependencies: [left]}
  - {name: right, handler: {callable: h}}
  - {name: after_right, handler: {callable: h}, dependencies: [right]}
  - {name: join, handler: {callable: h}, dependencies: [after_left, after_right]}
";

fn retry(name: &str) -> Verb {
    Verb::Retry(Which::Name(name.into()))
}

fn resolve(name: &str) -> Verb {
    Verb::ResolveSteps { which: Which::Name(name.into()), result: None }
}

fn both_failed() -> Desk {
    let mut desk = Desk::new(BRANCHES);
    let roots = desk.claim(2);
    desk.report(&roots, &failed(ErrorKind::Permanent));
    assert_eq!((desk.task().state, desk.task().counts.failed), (TaskState::Error, 2));
    desk
}

fn run_to_end(desk: &mut Desk) {
    for _ in 0..20 {
        let claimed = desk.claim(8);
        desk.report(&claimed, &done());
    }
}

#[test]
fn a_paused_task_hands_out_nothing_and_records_what_runs() {
    let mut desk = Desk::new(DIAMOND);
    assert_eq!(desk.operate(Verb::Pause), None);
    assert!(desk.claim(8).is_empty());
    assert_eq!(desk.state("a"), StepState::Pending);
    assert_eq!(desk.operate(Verb::Resume), None);
    assert_eq!(desk.task().state, TaskState::Pending, "no step had been started");
    let a = desk.claim(1);
    desk.operate(Verb::Pause);
    assert_eq!(desk.report(&a, &done()), [Verdict::Accepted]);
    assert_eq!([desk.state("b"), desk.state("c")], [StepState::Pending; 2]);
    assert!(desk.claim(8).is_empty());
    desk.operate(Verb::Resume);
    assert_eq!(desk.task().state, TaskState::InProgress);
    assert_eq!(desk.operate(Verb::Resume), Some(Refusal::TaskState(TaskState::InProgress)));
    run_to_end(&mut desk);
    assert_eq!(desk.task().state, TaskState::Complete);
    desk.check_log();
}

#[test]
fn a_paused_task_may_end_and_what_comes_back_to_it_waits() {
    let mut desk = Desk::new(DIAMOND);
    desk.claim(1);
    desk.operate(Verb::Pause);
    desk.pass(Duration::from_secs(31));
    desk.apply(&[desk.due("a")], None);
    assert_eq!((desk.state("a"), desk.step("a").losses), (StepState::Pending, 1));
    assert_eq!(desk.step("a").due_at, None, "the sweep need not look at it again");
    desk.operate(Verb::Resume);
    let a = desk.claim(1);
    desk.operate(Verb::Pause);
    desk.report(&a, &failed(ErrorKind::Permanent));
    assert_eq!(desk.task().state, TaskState::Error);
    desk.check_log();
}

#[test]
fn a_retry_in_a_paused_task_waits_for_it_to_go_on() {
    let mut desk = Desk::new(DIAMOND);
    let a = desk.claim(1);
    desk.report(&a, &failed(ErrorKind::Retryable));
    desk.operate(Verb::Pause);
    assert_eq!(desk.operate(retry("a")), None);
    assert_eq!((desk.state("a"), desk.step("a").failures, desk.step("a").due_at), (StepState::Pending, 0, None));
    desk.operate(Verb::Resume);
    assert_eq!(desk.claim(1)[0].attempt, 2);
    desk.check_log();
}

#[test]
fn a_retry_brings_back_what_its_failure_cancelled_and_nothing_else() {
    let mut desk = both_failed();
    assert_eq!(desk.operate(retry("left")), None);
    let states = ["left", "after_left", "right", "after_right", "join"].map(|name| desk.state(name));
    use StepState::{Cancelled, Enqueued, Error, Pending};
    assert_eq!(states, [Enqueued, Pending, Error, Cancelled, Cancelled]);
    assert_eq!(desk.task().state, TaskState::InProgress);
    assert_eq!(desk.step("after_left").unmet, 1);
    run_to_end(&mut desk);
    assert_eq!(desk.task().state, TaskState::Error, "the other failure still stands");
    assert!(desk.task().error.as_ref().unwrap().message.contains("`right`"));
    desk.operate(Verb::Retry(Which::Failed));
    run_to_end(&mut desk);
    assert_eq!((desk.task().state, desk.task().error.clone()), (TaskState::Complete, None));
    desk.check_log();
}

#[test]
fn a_retried_step_has_all_its_attempts_anew_and_the_old_one_is_fenced_off() {
    let mut desk = Desk::new(DIAMOND);
    let last = desk.claim(1);
    desk.report(&last, &failed(ErrorKind::Permanent));
    desk.operate(retry("a"));
    assert_eq!(desk.report(&last, &done()), [Verdict::StaleLease]);
    for attempt in 2..=3 {
        let claimed = desk.claim(1);
        assert_eq!((claimed[0].attempt, claimed[0].failures), (attempt, attempt - 2));
        desk.report(&claimed, &failed(ErrorKind::Retryable));
        assert_eq!(desk.state("a"), StepState::WaitingForRetry);
        desk.pass(Duration::from_secs(30));
        desk.apply(&[desk.due("a")], None);
    }
    desk.check_log();
}

#[test]
fn a_poisoned_step_may_be_retried_too() {
    let mut desk = Desk::new(DIAMOND);
    for _ in 0..limits::LOSSES {
        desk.claim(1);
        desk.pass(Duration::from_secs(31));
        desk.apply(&[desk.due("a")], None);
    }
    assert_eq!(desk.state("a"), StepState::Error);
    desk.operate(retry("a"));
    assert_eq!((desk.state("a"), desk.step("a").losses), (StepState::Enqueued, 0));
}

#[test]
fn what_waits_for_a_failed_step_names_it_when_it_is_retried() {
    let mut desk = both_failed();
    let refusal = desk.operate(retry("after_right"));
    assert_eq!(refusal, Some(Refusal::Doomed { step: "after_right".into(), by: "right".into() }));
    assert_eq!(desk.operate(retry("nobody")), Some(Refusal::NoSuchStep));
    assert_eq!(desk.task().state, TaskState::Error, "what is refused changes nothing");
}

#[test]
fn only_steps_that_failed_or_wait_may_be_retried() {
    let mut desk = Desk::new(DIAMOND);
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), Some(Refusal::NothingFailed));
    for state in [StepState::Enqueued, StepState::InProgress, StepState::Complete] {
        assert_eq!(desk.operate(retry("a")), Some(Refusal::StepState { step: "a".into(), state }));
        match state {
            StepState::Enqueued => drop(desk.claim(1)),
            StepState::Complete => {}
            _ => {
                let claimed = desk.claimed_again("a");
                desk.report(&[claimed], &done());
            }
        }
    }
    desk.operate(Verb::Cancel);
    assert_eq!(desk.operate(retry("b")), Some(Refusal::TaskState(TaskState::Cancelled)));
}

#[test]
fn a_task_that_ran_out_of_time_goes_on_with_its_time_anew() {
    let mut desk = Desk::new(&format!("{DIAMOND}lifecycle: {{max_duration_minutes: 1}}\n"));
    desk.claim(1);
    desk.pass(Duration::from_secs(60));
    desk.pass_deadline();
    assert_eq!((desk.task().state, desk.state("a")), (TaskState::Error, StepState::Cancelled));
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    assert_eq!((desk.task().state, desk.task().error.clone()), (TaskState::InProgress, None));
    assert_eq!(desk.task().deadline_at.map(|deadline| deadline.since(desk.now())), Some(Duration::from_secs(60)));
    assert_eq!([desk.step("a").unmet, desk.step("b").unmet, desk.step("d").unmet], [0, 1, 2]);
    run_to_end(&mut desk);
    assert_eq!(desk.task().state, TaskState::Complete);
    desk.check_log();
}

#[test]
fn a_step_closed_by_hand_satisfies_what_waits_for_it() {
    let mut desk = both_failed();
    assert_eq!(desk.operate(resolve("left")), None);
    assert_eq!([desk.state("left"), desk.state("after_left")], [StepState::ResolvedManually, StepState::Enqueued]);
    assert_eq!(desk.operate(resolve("right")), None);
    run_to_end(&mut desk);
    assert_eq!(desk.task().state, TaskState::Complete);
    desk.check_log();
}

#[test]
fn closing_the_last_open_step_ends_the_task_even_before_it_began() {
    let mut desk = Desk::new(
        "
name: one
namespace: shop
version: 1.0.0
steps:
  - {name: a, handler: {callable: h}}
",
    );
    desk.operate(resolve("a"));
    assert_eq!(desk.task().state, TaskState::Complete);
    assert!(desk.claim(1).is_empty());
    desk.check_log();
}

#[test]
fn a_step_closed_while_it_runs_refuses_its_report() {
    let mut desk = Desk::new(DIAMOND);
    let a = desk.claim(1);
    desk.operate(resolve("a"));
    assert_eq!(desk.task().counts.active, 0);
    assert_eq!(desk.report(&a, &Outcome::Abandoned), [Verdict::StaleLease]);
    assert!(desk.operate(resolve("a")).is_some(), "it is done");
    desk.check_log();
}

#[test]
fn closing_a_step_ahead_of_its_dependencies_leaves_them_to_run() {
    let mut desk = Desk::new(DIAMOND);
    desk.operate(resolve("b"));
    assert_eq!(desk.step("d").unmet, 1);
    run_to_end(&mut desk);
    assert_eq!((desk.task().state, desk.state("b")), (TaskState::Complete, StepState::ResolvedManually));
    desk.check_log();
}

#[test]
fn a_failed_task_may_be_closed_by_hand_and_then_stays_so() {
    let mut desk = both_failed();
    assert_eq!(desk.operate(Verb::Resolve), None);
    assert_eq!(desk.task().state, TaskState::ResolvedManually);
    for verb in [Verb::Resolve, Verb::Retry(Which::Failed), Verb::Cancel, Verb::Pause, Verb::Prioritize(1)] {
        assert_eq!(desk.operate(verb), Some(Refusal::TaskState(TaskState::ResolvedManually)));
    }
    desk.check_log();
}

#[test]
fn a_task_made_urgent_goes_first() {
    let mut desk = Desk::new(DIAMOND);
    desk.add_task(5);
    desk.operate(Verb::Prioritize(9));
    let taken = desk.report_and_claim_looking(&[], &done(), 1, Look::Always);
    assert_eq!(taken[0].id.task_id, desk.task().task_id);
}

#[test]
fn every_verb_keeps_who_and_why() {
    let mut desk = both_failed();
    desk.operate(retry("left"));
    desk.operate(Verb::Prioritize(3));
    desk.operate(Verb::Pause);
    desk.operate(Verb::Resume);
    desk.operate(resolve("left"));
    desk.operate(Verb::Cancel);
    let seq = desk.task().seq;
    desk.operate(Verb::NoteRerun { task: desk.task_at(0).task_id, seq });
    let told: Vec<_> = desk.facts().into_iter().filter(|fact| fact.actor().is_some()).collect();
    assert_eq!(told.len(), 8, "{told:?}");
    for fact in &told {
        let actor = fact.actor().unwrap();
        assert_eq!((actor.by.as_deref(), actor.reason.as_deref()), (Some("ops"), Some("a test")));
        let text = serde_json::to_string(fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), *fact, "{text}");
    }
    desk.check_log();
}

/// A join behind a branch that fails, beside one that leaves out what comes after it.
fn joined_after_left_out(branch: &str, outcome: &Outcome) -> Desk {
    let mut desk = Desk::new(&format!(
        "
name: left_out
namespace: shop
version: 1.0.0
steps:
  - {{name: join, handler: {{callable: h}}, dependencies: [fails, branch]}}
  - {{name: after, handler: {{callable: h}}, dependencies: [join]}}
  - {{name: fails, handler: {{callable: h}}}}
  - {{name: branch, {branch}, handler: {{callable: h}}}}
  - {{name: chosen, handler: {{callable: h}}, dependencies: [branch]}}
"
    ));
    let roots = desk.claim(2);
    assert_eq!(desk.names(&roots), ["fails", "branch"]);
    desk.report(&roots[..1], &failed(ErrorKind::Permanent));
    assert_eq!(desk.state("join"), StepState::Cancelled);
    desk.report(&roots[1..], outcome);
    desk
}

#[test]
fn what_was_left_out_while_a_failure_had_cancelled_it_does_not_come_back_with_a_retry() {
    let next = Some(Next::Route { steps: vec!["chosen".to_owned()] });
    let decision = Outcome::Succeeded { result: Json::null(), next, events: Vec::new(), metadata: None };
    for (branch, outcome) in
        [("type: decision", decision), ("on_exhaustion: skip_cascade", failed(ErrorKind::Permanent))]
    {
        let mut desk = joined_after_left_out(branch, &outcome);
        run_to_end(&mut desk);
        assert_eq!(desk.task().state, TaskState::Error);
        assert_eq!(desk.operate(retry("fails")), None);
        assert_eq!([desk.state("join"), desk.state("after")], [StepState::Skipped; 2], "{branch}");
        run_to_end(&mut desk);
        assert_eq!(desk.task().state, TaskState::Complete, "{branch}");
    }
}

/// A convergence that a failure has cancelled, behind a branch that ends later.
const CONVERGENCE: &str = "
name: convergence
namespace: shop
version: 1.0.0
steps:
  - {name: fails, handler: {callable: h}}
  - {name: runs, handler: {callable: h}}
  - {name: join, type: deferred_convergence, handler: {callable: h}, dependencies: [fails, runs]}
";

#[test]
fn a_cancelled_convergence_learns_of_its_branches_when_it_comes_back() {
    let mut desk = Desk::new(CONVERGENCE);
    let roots = desk.claim(2);
    desk.report(&roots[..1], &failed(ErrorKind::Permanent));
    desk.report(&roots[1..], &done());
    assert_eq!((desk.state("join"), desk.task().state), (StepState::Cancelled, TaskState::Error));
    desk.operate(Verb::ResolveSteps { which: Which::Name("fails".into()), result: None });
    assert_eq!(desk.state("join"), StepState::Enqueued);
    run_to_end(&mut desk);
    assert_eq!(desk.state("join"), StepState::Complete);
}
