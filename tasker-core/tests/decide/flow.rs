//! Decisions, conditions, and steps whose failure is not the end.

use std::time::Duration;

use serde_json::{Value, json};
use tasker_core::{
    model::{DomainEvent, ErrorKind, Fact, Json, Next, Outcome, SkipReason, StepError, StepState, TaskState, limits},
    state::{Input, Verb, Which},
};

use crate::{desk::Desk, done, failed};

const BRANCHES: &str = "
name: branches
namespace: shop
version: 1.0.0
steps:
  - {name: route, type: decision, handler: {callable: h}}
  - {name: left, handler: {callable: h}, dependencies: [route]}
  - {name: after_left, handler: {callable: h}, dependencies: [left]}
  - {name: right, handler: {callable: h}, dependencies: [route]}
  - {name: needs_both, handler: {callable: h}, dependencies: [left, right]}
  - {name: join, type: deferred_convergence, handler: {callable: h}, dependencies: [after_left, right]}
";

fn says(next: Next) -> Outcome {
    Outcome::Succeeded { result: Json::null(), next: Some(next), events: Vec::new(), metadata: None }
}

fn route(steps: &[&str]) -> Outcome {
    says(Next::Route { steps: steps.iter().map(ToString::to_string).collect() })
}

fn states<const N: usize>(desk: &Desk, names: [&str; N]) -> [StepState; N] {
    names.map(|name| desk.state(name))
}

/// Works off everything that is handed out.
fn run_out(desk: &mut Desk) {
    loop {
        let claimed = desk.claim(8);
        if claimed.is_empty() {
            return;
        }
        desk.report(&claimed, &done());
    }
}

#[test]
fn a_decision_skips_what_it_did_not_choose_and_what_needs_that() {
    let mut desk = Desk::new(BRANCHES);
    let decision = desk.claim(1);
    desk.report(&decision, &route(&["right"]));
    let skipped = [StepState::Skipped; 3];
    assert_eq!(states(&desk, ["left", "after_left", "needs_both"]), skipped);
    assert_eq!(states(&desk, ["right", "join"]), [StepState::Enqueued, StepState::Pending]);
    assert!(desk.facts().contains(&Fact::StepSkipped { step: 1, reason: SkipReason::Decision, error: None }));
    assert!(desk.facts().contains(&Fact::StepSkipped { step: 2, reason: SkipReason::Dependencies, error: None }));
    run_out(&mut desk);
    assert_eq!((desk.state("join"), desk.task().state), (StepState::Complete, TaskState::Complete));
    assert_eq!((desk.task().counts.done, desk.task().counts.failed), (6, 0));
    desk.check_log();
}

#[test]
fn all_branches_may_be_chosen_or_none() {
    let mut desk = Desk::new(BRANCHES);
    let decision = desk.claim(1);
    desk.report(&decision, &route(&["left", "right"]));
    run_out(&mut desk);
    assert_eq!(states(&desk, ["after_left", "needs_both", "join"]), [StepState::Complete; 3]);

    let mut desk = Desk::new(BRANCHES);
    let decision = desk.claim(1);
    desk.report(&decision, &says(Next::Skip { reason: "nothing to do".into() }));
    assert_eq!(states(&desk, ["left", "right", "join"]), [StepState::Skipped; 3]);
    assert_eq!(desk.task().state, TaskState::Complete);
    desk.check_log();
}

#[test]
fn a_decision_that_cannot_be_followed_fails_for_good() {
    let code = |outcome: Outcome| {
        let mut desk = Desk::new(BRANCHES);
        let decision = desk.claim(1);
        desk.report(&decision, &outcome);
        assert_eq!(states(&desk, ["route", "left"]), [StepState::Error, StepState::Cancelled]);
        desk.task().error.clone().map(|error| error.code)
    };
    let invalid = Some("decision_invalid".to_owned());
    assert_eq!(code(route(&["nowhere"])), invalid);
    assert_eq!(code(route(&["left", "after_left"])), invalid, "a step that does not depend on it");
    assert_eq!(code(route(&[])), invalid);
    assert_eq!(code(done()), invalid, "a decision that says nothing");
    let mut desk = Desk::new(BRANCHES);
    let decision = desk.claim(1);
    let step = desk.report_and_claim(&decision, &route(&["right"]), 1);
    desk.report(&step, &route(&["join"]));
    assert_eq!(desk.state("right"), StepState::Error, "a standard step decides nothing");
}

const CONDITIONS: &str = "
name: conditions
namespace: shop
version: 1.0.0
steps:
  - {name: price, handler: {callable: h}}
  - {name: approve, handler: {callable: h}, dependencies: [price], when: 'results.price.total > input.limit'}
  - {name: ship, type: deferred_convergence, handler: {callable: h}, dependencies: [price, approve]}
";

fn conditional(input: &Value, result: &Value) -> Desk {
    let mut desk = Desk::new(CONDITIONS);
    desk.give(input);
    let price = desk.claim(1);
    desk.report(&price, &Outcome::succeeded(Json::from(result)));
    desk
}

#[test]
fn a_condition_is_asked_when_the_step_could_begin() {
    let mut desk = conditional(&json!({"limit": 100}), &json!({"total": 101}));
    assert_eq!(states(&desk, ["approve", "ship"]), [StepState::Enqueued, StepState::Pending]);
    run_out(&mut desk);
    assert_eq!(desk.task().state, TaskState::Complete);

    let desk = conditional(&json!({"limit": 100}), &json!({"total": 100}));
    assert_eq!(states(&desk, ["approve", "ship"]), [StepState::Skipped, StepState::Enqueued]);
    assert!(desk.facts().contains(&Fact::StepSkipped { step: 1, reason: SkipReason::Condition, error: None }));
}

#[test]
fn a_condition_without_an_answer_fails_the_step_where_all_can_see_it() {
    let desk = conditional(&json!({}), &json!({"total": 100}));
    assert_eq!(states(&desk, ["approve", "ship"]), [StepState::Error, StepState::Cancelled]);
    assert_eq!(desk.task().error.as_ref().map(|error| error.code.as_str()), Some("when_failed"));
    desk.check_log();
}

fn exhausted(rule: &str) -> Desk {
    let mut desk = Desk::new(&format!(
        "
name: exhausted
namespace: shop
version: 1.0.0
steps:
  - {{name: extra, handler: {{callable: h}}, on_exhaustion: {rule}}}
  - {{name: uses_it, handler: {{callable: h}}, dependencies: [extra]}}
  - {{name: other, handler: {{callable: h}}}}
  - {{name: join, type: deferred_convergence, handler: {{callable: h}}, dependencies: [uses_it, other]}}
"
    ));
    let claimed = desk.claim(1);
    desk.report(&claimed, &failed(ErrorKind::Permanent));
    desk
}

#[test]
fn an_exhausted_step_goes_by_its_rule() {
    let mut desk = exhausted("skip");
    assert_eq!(states(&desk, ["extra", "uses_it"]), [StepState::Skipped, StepState::Enqueued]);
    run_out(&mut desk);
    assert_eq!((desk.task().state, desk.task().error.clone()), (TaskState::Complete, None));

    let mut desk = exhausted("skip_cascade");
    assert_eq!(
        states(&desk, ["extra", "uses_it", "join"]),
        [StepState::Skipped, StepState::Skipped, StepState::Pending]
    );
    run_out(&mut desk);
    assert_eq!((desk.state("join"), desk.task().state), (StepState::Complete, TaskState::Complete));
    desk.check_log();

    let desk = exhausted("fail");
    assert_eq!(
        states(&desk, ["extra", "uses_it", "join"]),
        [StepState::Error, StepState::Cancelled, StepState::Cancelled]
    );
}

#[test]
fn a_step_that_blocks_keeps_the_task_open_while_others_run() {
    let mut desk = exhausted("block");
    assert_eq!(desk.task().state, TaskState::BlockedByFailures);
    assert!(desk.facts().contains(&Fact::TaskBlocked { step: 0 }));
    run_out(&mut desk);
    assert_eq!(
        states(&desk, ["extra", "uses_it", "other", "join"]),
        [StepState::Error, StepState::Pending, StepState::Complete, StepState::Pending]
    );
    assert_eq!(desk.task().state, TaskState::BlockedByFailures);
    desk.check_log();
}

const PUBLISHING: &str = "
name: publishing
namespace: shop
version: 1.0.0
steps:
  - name: pay
    handler: {callable: h}
    retry: {max_attempts: 2}
    publishes_events:
      - {name: paid, condition: success, schema: {type: object, required: [amount]}}
      - {name: declined, condition: permanent_failure}
      - {name: tried, condition: always}
      - {name: failed, condition: failure}
      - {name: postponed, condition: retryable_failure}
";

fn published(outcome: &Outcome) -> (Vec<String>, Option<String>) {
    let mut desk = Desk::new(PUBLISHING);
    let claimed = desk.claim(1);
    desk.report(&claimed, outcome);
    let names = desk.facts().into_iter().filter_map(|fact| match fact {
        Fact::EventPublished { name, payload, .. } => Some(format!("{name} {payload}")),
        _ => None,
    });
    (names.collect(), desk.task().error.clone().map(|error| error.code))
}

#[test]
fn events_are_published_by_their_conditions_and_checked() {
    let succeeded = |events: &[(&str, Value)]| Outcome::Succeeded {
        result: Json::from(&json!({"amount": 7})),
        next: None,
        metadata: None,
        events: events
            .iter()
            .map(|(name, payload)| DomainEvent { name: (*name).into(), payload: Json::from(payload) })
            .collect(),
    };
    let (events, error) = published(&succeeded(&[("tried", json!(1)), ("tried", json!(2))]));
    assert_eq!((events, error), (vec![r#"paid {"amount":7}"#.into(), "tried 1".into(), "tried 2".into()], None));
    let code = |outcome: &Outcome| published(outcome).1;
    assert_eq!(code(&succeeded(&[("unheard_of", json!(1))])), Some("event_not_declared".into()));
    assert_eq!(code(&succeeded(&[("paid", json!({}))])), Some("event_invalid".into()));
    assert_eq!(code(&done()), Some("event_invalid".into()), "the result is the payload where the handler gives none");
    let names = |error| {
        let (events, _) = published(&Outcome::failed(error));
        events.iter().filter_map(|event| event.split(' ').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(StepError::permanent("declined", "no")), ["declined", "tried", "failed"]);
    assert_eq!(names(StepError::retryable("busy", "later")), ["tried", "failed", "postponed"]);
}

#[test]
fn what_a_handler_says_besides_its_result_is_kept_in_the_history() {
    let kept = |metadata: Value| {
        let mut desk = Desk::new(PUBLISHING);
        let claimed = desk.claim(1);
        let outcome = Outcome::Succeeded {
            result: Json::from(&json!({"amount": 7})),
            next: None,
            events: Vec::new(),
            metadata: Some(Box::new(metadata)),
        };
        desk.report(&claimed, &outcome);
        let kept = desk.facts().into_iter().find_map(|fact| match fact {
            Fact::StepCompleted { metadata, .. } => Some(metadata),
            _ => None,
        });
        *kept.flatten().unwrap()
    };
    assert_eq!(kept(json!({"took_ms": 4})), json!({"took_ms": 4}));
    assert!(kept(json!("x".repeat(limits::ERROR_BYTES)))["left_out"].is_string());
}

#[test]
fn what_a_failure_says_is_kept_within_bounds() {
    let mut desk = Desk::new(PUBLISHING);
    let claimed = desk.claim(1);
    let long = "ä".repeat(limits::ERROR_BYTES);
    let mut error = StepError::permanent(long.clone(), long.clone());
    (error.error_type, error.backtrace) = (Some(long.clone().into()), Some(long));
    desk.report(&claimed, &Outcome::failed(error));
    let kept = desk.facts().into_iter().find_map(|fact| match fact {
        Fact::StepFailed { error, .. } => Some(error),
        _ => None,
    });
    let kept = kept.unwrap();
    assert_eq!((kept.code.len(), kept.error_type.unwrap().len()), (limits::CODE_BYTES, limits::CODE_BYTES));
    assert!(kept.message.len() + kept.backtrace.unwrap().len() <= limits::ERROR_BYTES);
}

const WAITS: &str = "
name: waits
namespace: shop
version: 1.0.0
steps:
  - {name: cool_off, type: wait, wait: {seconds: 60}}
  - {name: ask, handler: {callable: h}}
  - name: approval
    type: wait
    dependencies: [ask]
    wait: {signal: approved, deadline_seconds: 3600}
    on_exhaustion: skip
  - {name: until, type: wait, dependencies: [ask], wait: {until: input.opens_at}}
  - {name: ship, handler: {callable: h}, dependencies: [cool_off, approval, until]}
";

fn waiting(opens_at: &str) -> Desk {
    let mut desk = Desk::new(WAITS);
    desk.give(&json!({"opens_at": opens_at}));
    desk.apply(&[desk.due("cool_off")], None);
    desk
}

fn signal(desk: &Desk, payload: &Value) -> Input {
    let task_id = desk.task().task_id;
    Input::Signal { task_id, name: "approved".into(), payload: Json::from(payload), by: Some("ann".into()) }
}

#[test]
fn waits_end_by_time_and_by_signal() {
    let mut desk = waiting("1970-01-01T00:30:00Z");
    let ask = desk.claim(8);
    assert_eq!(desk.names(&ask), ["ask"], "a step that waits is never handed out");
    desk.report(&ask, &done());
    assert_eq!(states(&desk, ["cool_off", "approval", "until"]), [StepState::Waiting; 3]);
    desk.pass(Duration::from_secs(59));
    desk.apply(&[desk.due("cool_off")], None);
    assert_eq!(desk.state("cool_off"), StepState::Waiting, "not before its time");
    desk.pass(Duration::from_secs(1));
    desk.apply(&[desk.due("cool_off")], None);
    assert_eq!(desk.state("cool_off"), StepState::Complete);
    desk.apply(&[signal(&desk, &json!({"amount": 7}))], None);
    assert_eq!(desk.result("approval")["payload"], json!({"amount": 7}));
    assert_eq!(desk.result("approval")["by"], json!("ann"));
    desk.pass(Duration::from_secs(1_800));
    desk.apply(&[desk.due("until")], None);
    assert_eq!(desk.state("ship"), StepState::Enqueued);
    run_out(&mut desk);
    assert_eq!(desk.task().state, TaskState::Complete);
    desk.check_log();
}

#[test]
fn a_signal_may_come_before_the_wait_and_counts_once() {
    let mut desk = waiting("1970-01-01T00:00:00Z");
    desk.apply(&[signal(&desk, &json!(1))], None);
    let before = desk.log_len();
    desk.apply(&[signal(&desk, &json!(2))], None);
    assert_eq!(desk.log_len(), before, "the wait has its signal");
    let ask = desk.claim(1);
    desk.report(&ask, &done());
    assert_eq!(states(&desk, ["approval", "until"]), [StepState::Complete; 2], "a time that is over is not waited for");
    assert_eq!(desk.result("approval")["payload"], json!(1));
}

#[test]
fn a_wait_that_runs_out_goes_by_its_rule() {
    let mut desk = waiting("1970-01-01T00:00:00Z");
    let ask = desk.claim(1);
    desk.report(&ask, &done());
    desk.pass(Duration::from_secs(3_600));
    desk.apply(&[desk.due("cool_off"), desk.due("approval")], None);
    assert_eq!(states(&desk, ["approval", "ship"]), [StepState::Skipped, StepState::Enqueued]);
    let code = desk.facts().into_iter().find_map(|fact| match fact {
        Fact::StepSkipped { error, .. } => error.map(|error| error.code),
        _ => None,
    });
    assert_eq!(code.as_deref(), Some("wait_timed_out"));
    desk.check_log();
}

#[test]
fn a_time_that_is_none_fails_the_wait() {
    let mut desk = waiting("tomorrow");
    let ask = desk.claim(1);
    desk.report(&ask, &done());
    assert_eq!(desk.state("until"), StepState::Error);
    assert_eq!(desk.task().error.as_ref().map(|error| error.code.as_str()), Some("wait_invalid"));
}

#[test]
fn a_sub_workflow_that_cannot_begin_fails_again_when_it_is_retried() {
    let yaml = "{name: it, namespace: shop, version: 1.0.0, steps: [
        {name: child, type: workflow, workflow: {name: other, input: {id: input.order.id}}}]}";
    let mut desk = Desk::new(yaml);
    desk.give(&json!({}));
    let due = desk.due("child");
    desk.apply(&[due], None);
    for _ in 0..2 {
        let code = desk.step("child").error.as_ref().map(|error| error.code.as_str());
        assert_eq!((desk.state("child"), code), (StepState::Error, Some("workflow_input_failed")));
        assert_eq!(desk.task().state, TaskState::Error);
        assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    }
    desk.check_log();
}

#[test]
fn a_signal_that_came_before_is_there_when_its_step_is_retried() {
    let yaml = "{name: it, namespace: shop, version: 1.0.0, steps: [{name: work, handler: {callable: h}},
        {name: asked, type: wait, wait: {signal: go}, when: results.work.is_dear, dependencies: [work]}]}";
    let mut desk = Desk::new(yaml);
    let signal = Input::Signal { task_id: desk.task().task_id, name: "go".into(), payload: Json::null(), by: None };
    desk.apply(&[signal], None);
    let claimed = desk.claim(1);
    desk.report(&claimed, &done());
    assert_eq!(desk.state("asked"), StepState::Error, "its condition has no answer");
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    assert_eq!((desk.state("asked"), desk.task().state), (StepState::Complete, TaskState::Complete));
    desk.check_log();
}
