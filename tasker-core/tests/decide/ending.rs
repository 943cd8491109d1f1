//! What a task does before it ends: compensations, and `finally`.

use std::time::Duration;

use serde_json::json;
use tasker_core::{
    model::{Fact, Outcome, StepError, StepState, TaskState, Verdict},
    state::{Claimed, Refusal, Verb, Which},
};

use crate::{desk::Desk, done};

/// Two branches; what reserves and charges can be undone.
const SAGA: &str = "
name: saga
namespace: shop
version: 1.0.0
lifecycle: {max_duration_minutes: 60}
steps:
  - {name: reserve, handler: {callable: h}, compensate: {handler: {callable: release}, retry: {max_attempts: 2, backoff: none}}}
  - {name: quote, handler: {callable: h}, dependencies: [reserve]}
  - {name: charge, handler: {callable: h}, dependencies: [quote], compensate: {handler: {callable: refund}, retry: {max_attempts: 1}}}
  - {name: print, handler: {callable: h}, dependencies: [reserve], compensate: {handler: {callable: shred}}}
  - {name: ship, handler: {callable: h}, dependencies: [charge, print], retry: {max_attempts: 1}}
finally:
  - {name: clean, handler: {callable: h}}
  - {name: tell, handler: {callable: h}, dependencies: [clean], when: 'has(results.charge)'}
";

/// Runs the steps that are handed out, all well, up to these; the last one's attempt is answered.
fn run_to(desk: &mut Desk, name: &str) -> Claimed {
    loop {
        let claimed = desk.claim(1).pop().unwrap_or_else(|| panic!("{name} is not reached"));
        if desk.names(std::slice::from_ref(&claimed)) == [name] {
            return claimed;
        }
        desk.report(&[claimed], &done());
    }
}

/// The names of what is handed out from now on, one after the other, each ending well.
fn run_out(desk: &mut Desk) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let claimed = desk.claim(8);
        if claimed.is_empty() {
            return names;
        }
        names.extend(desk.names(&claimed).into_iter().map(str::to_owned));
        desk.report(&claimed, &done());
    }
}

fn fail(desk: &mut Desk, claimed: Claimed, code: &str) {
    desk.report(&[claimed], &Outcome::failed(StepError::permanent(code, "no")));
}

fn code(desk: &Desk) -> Option<&str> {
    desk.task().error.as_ref().map(|error| error.code.as_str())
}

#[test]
fn a_task_that_succeeds_undoes_nothing_and_runs_its_finally() {
    let mut desk = Desk::new(SAGA);
    assert_eq!(desk.task().counts.total, 5, "what may never be needed is no step yet");
    let last = run_to(&mut desk, "ship");
    desk.report(&[last], &done());
    assert_eq!((desk.task().state, desk.task().counts.total), (TaskState::InProgress, 7));
    assert_eq!(desk.task().deadline_at, None, "the time is for the work, not for what comes after it");
    assert_eq!(run_out(&mut desk), ["clean", "tell"]);
    assert_eq!((desk.task().state, code(&desk)), (TaskState::Complete, None));
    desk.check_log();
}

#[test]
fn a_task_that_fails_is_undone_the_last_step_first_and_one_at_a_time() {
    let mut desk = Desk::new(SAGA);
    let ship = run_to(&mut desk, "ship");
    fail(&mut desk, ship, "no_carrier");
    assert_eq!(desk.task().state, TaskState::InProgress);
    let ending = desk.task().flow.as_ref().unwrap().ending.clone().unwrap();
    assert_eq!((ending.status, ending.error.as_ref().unwrap().code.as_str()), (TaskState::Error, "no_carrier"));
    let mut undone = Vec::new();
    for _ in 0..3 {
        let claimed = desk.claim(8);
        assert_eq!(claimed.len(), 1, "the next one waits for the end of this one");
        assert_eq!(claimed[0].ending.as_ref(), Some(&ending), "the handler is told why");
        undone.push(desk.names(&claimed)[0].to_owned());
        desk.report(&claimed, &done());
    }
    assert_eq!(undone, ["compensate:print", "compensate:charge", "compensate:reserve"]);
    assert_eq!(run_out(&mut desk), ["clean", "tell"]);
    assert_eq!((desk.task().state, code(&desk)), (TaskState::Error, Some("no_carrier")));
    desk.check_log();
}

#[test]
fn only_what_is_complete_is_undone() {
    let mut desk = Desk::new(SAGA);
    let charge = run_to(&mut desk, "charge");
    fail(&mut desk, charge, "declined");
    // The other branch goes on to its end first.
    assert_eq!(run_out(&mut desk), ["print", "compensate:print", "compensate:reserve", "clean"]);
    assert_eq!(desk.state("tell"), StepState::Skipped, "there is no result to read");
    assert_eq!(code(&desk), Some("declined"));
}

#[test]
fn a_cancelled_task_waits_for_what_runs_and_could_have_to_be_undone() {
    let mut desk = Desk::new(SAGA);
    let reserve = desk.claim(1);
    desk.report(&reserve, &done());
    let running = desk.claim(8);
    assert_eq!(desk.names(&running), ["quote", "print"]);
    assert_eq!(desk.operate(Verb::Cancel), None);
    assert_eq!([desk.state("quote"), desk.state("print")], [StepState::Cancelled, StepState::InProgress]);
    assert!(desk.facts().iter().any(|fact| matches!(fact, Fact::TaskEnding { status: TaskState::Cancelled, .. })));
    assert_eq!(desk.operate(Verb::Cancel), Some(Refusal::Ending));
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), Some(Refusal::Ending));
    let verdicts = desk.report(&running, &done());
    assert_eq!(verdicts, [Verdict::StaleLease, Verdict::Accepted]);
    assert_eq!(run_out(&mut desk), ["compensate:print", "compensate:reserve", "clean"]);
    assert_eq!(desk.task().state, TaskState::Cancelled);
    let actor = desk.facts().into_iter().find_map(|fact| match fact {
        Fact::TaskCancelled { actor } => Some(actor),
        _ => None,
    });
    assert_eq!(actor.and_then(|actor| actor.by).as_deref(), Some("ops"), "who cancelled it is in its end");
    desk.check_log();
}

#[test]
fn what_runs_at_a_cancel_and_fails_or_vanishes_is_not_undone() {
    for outcome in [Outcome::failed(StepError::retryable("busy", "later")), Outcome::Abandoned] {
        let mut desk = Desk::new(SAGA);
        let reserve = desk.claim(1);
        desk.operate(Verb::Cancel);
        desk.report(&reserve, &outcome);
        assert_eq!(desk.state("reserve"), StepState::Cancelled, "{outcome:?}");
        assert_eq!(run_out(&mut desk), ["clean"]);
        assert_eq!(desk.task().state, TaskState::Cancelled);
        desk.check_log();
    }
}

#[test]
fn a_worker_that_dies_does_not_keep_a_cancelled_task_from_its_end() {
    let mut desk = Desk::new(SAGA);
    desk.claim(1);
    desk.operate(Verb::Cancel);
    desk.pass(Duration::from_secs(31));
    let lost = desk.due("reserve");
    desk.apply(&[lost], None);
    assert_eq!(desk.state("reserve"), StepState::Cancelled);
    assert_eq!(desk.state("clean"), StepState::Enqueued);
}

#[test]
fn a_deadline_ends_the_work_and_not_what_comes_after_it() {
    let mut desk = Desk::new(SAGA);
    run_to(&mut desk, "quote");
    desk.pass(Duration::from_secs(3_600));
    desk.pass_deadline();
    assert_eq!((desk.state("quote"), desk.state("charge")), (StepState::Cancelled, StepState::Cancelled));
    assert_eq!(desk.task().deadline_at, None);
    let ran = run_out(&mut desk);
    assert!(ran.ends_with(&["compensate:reserve".to_owned(), "clean".to_owned()]), "{ran:?}");
    assert_eq!((desk.task().state, code(&desk)), (TaskState::Error, Some("deadline_exceeded")));
    desk.check_log();
}

#[test]
fn a_pause_holds_what_comes_before_the_end_too() {
    let mut desk = Desk::new(SAGA);
    let ship = run_to(&mut desk, "ship");
    desk.operate(Verb::Pause);
    fail(&mut desk, ship, "no_carrier");
    assert_eq!(desk.state("compensate:print"), StepState::Pending);
    assert_eq!(desk.claim(8), []);
    desk.operate(Verb::Resume);
    assert_eq!(run_out(&mut desk).len(), 5);
    assert_eq!(desk.task().state, TaskState::Error);
    desk.check_log();
}

#[test]
fn whoever_cancels_a_paused_task_wants_it_to_end() {
    let mut desk = Desk::new(SAGA);
    run_to(&mut desk, "ship");
    desk.operate(Verb::Pause);
    desk.operate(Verb::Cancel);
    assert_eq!(run_out(&mut desk).len(), 5);
    assert_eq!(desk.task().state, TaskState::Cancelled);
    desk.check_log();
}

#[test]
fn a_compensation_is_tried_by_its_own_policy_and_its_failure_is_told_and_can_be_mended() {
    let mut desk = Desk::new(SAGA);
    let ship = run_to(&mut desk, "ship");
    desk.operate(Verb::Cancel);
    assert_eq!(desk.report(&[ship], &done()), [Verdict::StaleLease], "it cannot be undone, so it is not waited for");
    let shred = desk.claim(1);
    desk.report(&shred, &done());
    let refund = desk.claim(1);
    fail(&mut desk, refund.into_iter().next().unwrap(), "bank_closed");
    let release = desk.claim(1);
    assert_eq!(desk.names(&release), ["compensate:reserve"], "one that fails does not keep the others back");
    desk.report(&release, &Outcome::failed(StepError::retryable("busy", "later")));
    desk.apply(&[desk.due("compensate:reserve")], None);
    assert_eq!(run_out(&mut desk), ["compensate:reserve", "clean", "tell"]);
    assert_eq!((desk.task().state, code(&desk)), (TaskState::Error, Some("compensation_failed")));
    let context = desk.task().error.as_ref().unwrap().context.clone().unwrap();
    assert_eq!(context["failed"], json!([{"step": "compensate:charge", "code": "bank_closed", "message": "no"}]));

    assert_eq!(desk.operate(Verb::Retry(Which::Name("quote".into()))), Some(Refusal::Ending));
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    assert_eq!([desk.state("compensate:charge"), desk.state("ship")], [StepState::Enqueued, StepState::Cancelled]);
    assert_eq!(run_out(&mut desk), ["compensate:charge"]);
    assert_eq!(desk.task().state, TaskState::Cancelled, "as it was to end in the first place");
    desk.check_log();
}

#[test]
fn a_compensation_can_be_resolved_by_hand() {
    let mut desk = Desk::new(SAGA);
    let ship = run_to(&mut desk, "ship");
    fail(&mut desk, ship, "no_carrier");
    desk.claim(1);
    let which = Which::Name("compensate:print".into());
    assert_eq!(desk.operate(Verb::ResolveSteps { which, result: None }), None);
    assert_eq!(desk.state("compensate:charge"), StepState::Enqueued);
    let own = Which::Name("ship".into());
    assert_eq!(desk.operate(Verb::ResolveSteps { which: own, result: None }), Some(Refusal::Ending));
}

#[test]
fn to_resolve_a_task_is_to_end_it_at_once() {
    let mut desk = Desk::new(SAGA);
    let ship = run_to(&mut desk, "ship");
    fail(&mut desk, ship, "no_carrier");
    desk.operate(Verb::Resolve);
    assert_eq!((desk.task().state, desk.claim(8)), (TaskState::ResolvedManually, Vec::new()));
    desk.check_log();
}

#[test]
fn a_finally_that_fails_fails_the_task() {
    let mut desk = Desk::new(SAGA);
    let last = run_to(&mut desk, "ship");
    desk.report(&[last], &done());
    let clean = desk.claim(1).pop().unwrap();
    fail(&mut desk, clean, "disk_full");
    assert_eq!((desk.task().state, code(&desk)), (TaskState::Error, Some("disk_full")));
    assert_eq!(desk.state("tell"), StepState::Cancelled);
    assert!(
        desk.facts().iter().all(|fact| !matches!(fact, Fact::StepAdded { step } if *step > 6)),
        "nothing is undone"
    );
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    assert_eq!(run_out(&mut desk), ["clean", "tell"]);
    assert_eq!(desk.task().state, TaskState::Complete);
    desk.check_log();
}

#[test]
fn a_blocked_task_can_be_cancelled_and_is_undone() {
    let mut desk = Desk::new(&SAGA.replace("retry: {max_attempts: 1}}\nfinally", "on_exhaustion: block}\nfinally"));
    let ship = run_to(&mut desk, "ship");
    fail(&mut desk, ship, "no_carrier");
    assert_eq!(desk.task().state, TaskState::BlockedByFailures);
    desk.operate(Verb::Cancel);
    assert_eq!(run_out(&mut desk).len(), 5);
    assert_eq!((desk.task().state, desk.state("ship")), (TaskState::Cancelled, StepState::Error));
    desk.check_log();
}

#[test]
fn without_anything_to_do_the_end_comes_at_once() {
    let mut desk = Desk::new(SAGA.split("finally").next().unwrap());
    let last = run_to(&mut desk, "ship");
    desk.report(&[last], &done());
    assert_eq!(desk.task().state, TaskState::Complete);
    let mut desk = Desk::new(SAGA.split("finally").next().unwrap());
    desk.operate(Verb::Cancel);
    assert_eq!((desk.task().state, desk.task().flow.clone()), (TaskState::Cancelled, None));
    assert!(!desk.facts().iter().any(|fact| matches!(fact, Fact::TaskEnding { .. })));
}

#[test]
fn a_task_whose_finally_is_left_out_stays_ended_too() {
    let yaml = "{name: it, namespace: shop, version: 1.0.0,
        steps: [{name: work, handler: {callable: h}}, {name: more, handler: {callable: h}, dependencies: [work]}],
        finally: [{name: tell, handler: {callable: h}, when: has(results.more)}]}";
    let mut desk = Desk::new(yaml);
    let claimed = run_to(&mut desk, "work");
    fail(&mut desk, claimed, "broken");
    assert_eq!((desk.task().state, desk.state("tell")), (TaskState::Error, StepState::Skipped));
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), Some(Refusal::Ending));
    assert_eq!(desk.state("more"), StepState::Cancelled);
}
