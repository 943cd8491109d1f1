//! Batches: steps whose work is split into parts.

use serde_json::{Value, json};
use tasker_core::{
    model::{
        BatchConfig, Batches, CursorRange, ErrorKind, Fact, FailureStrategy, Json, Next, Outcome, StepError, StepPlace,
        StepState, TaskState, limits,
    },
    state::{Claimed, Decision, Refusal, Verb, Which},
};

use crate::{desk::Desk, done, failed};

/// A map over the rows of the input, and what comes after it.
fn mapped(more: &str) -> Desk {
    let yaml = format!(
        "
name: map
namespace: shop
version: 1.0.0
steps:
  - {{name: each, for_each: input.rows, handler: {{callable: each}}, retry: {{max_attempts: 1}}{more}}}
  - {{name: after, handler: {{callable: after}}, dependencies: [each]}}
"
    );
    let mut desk = Desk::new(&yaml);
    desk.give(&json!({"rows": ["a", "b", "c", "d", "e"]}));
    let due = desk.due("each");
    desk.apply(&[due], None);
    check(&desk);
    desk
}

const SPLIT: &str = "
name: split
namespace: shop
version: 1.0.0
steps:
  - {name: count, type: batchable, handler: {callable: count}}
  - {name: small, type: batch_worker, handler: {callable: small}, dependencies: [count], parallelism: 2}
  - {name: large, type: batch_worker, handler: {callable: large}, dependencies: [count]}
  - {name: notes, handler: {callable: notes}, dependencies: [count]}
  - {name: sum, type: deferred_convergence, handler: {callable: sum}, dependencies: [small, large]}
";

fn says(worker: Option<&str>, batches: Batches) -> Outcome {
    let config = BatchConfig { worker: worker.map(Into::into), batches, parallelism: None, failure_strategy: None };
    Outcome::Succeeded { result: Json::null(), next: Some(Next::Batches(config)), events: Vec::new(), metadata: None }
}

fn returns(value: &Value) -> Outcome {
    Outcome::succeeded(Json::from(value))
}

fn states(desk: &Desk, step: &str) -> Vec<StepState> {
    (0..).map_while(|part| desk.find(&format!("{step}[{part}]"))).map(|step| step.state).collect()
}

/// What is kept with the steps that parts belong to is what the parts say.
fn check(desk: &Desk) {
    for head in &desk.task().steps {
        let Some(batch) = head.flow.as_ref().and_then(|flow| flow.batch) else { continue };
        if head.state.satisfies() {
            continue;
        }
        let parts: Vec<_> = desk.task().steps.iter().filter(|step| belongs_to(step.id.idx, head.id.idx)).collect();
        let count = |is: &dyn Fn(StepState) -> bool| parts.iter().filter(|part| is(part.state)).count();
        let running = parts.iter().filter(|part| part.unmet == 0 && !part.state.is_final()).count();
        assert_eq!(batch.of as usize, parts.len());
        assert_eq!(batch.left as usize, count(&|state| !state.satisfies()), "{batch:?}");
        assert_eq!(batch.running as usize, running, "{batch:?}");
        assert!(batch.parallelism.is_none_or(|most| batch.running <= most), "{batch:?}");
        let waits = |part: &&&tasker_core::state::StepSnapshot| part.state == StepState::Pending && part.unmet > 0;
        let first = parts.iter().find(waits).and_then(|part| StepPlace::of(part.id.idx).part);
        assert!(first.is_none_or(|first| batch.next <= first), "{batch:?} passed over {first:?}");
        let is_full = batch.parallelism.is_some_and(|most| batch.running == most);
        let may_wait = is_full || head.state != StepState::Waiting || desk.task().state.is_final();
        assert!(first.is_none() || may_wait, "{batch:?} leaves {first:?} waiting");
    }
    desk.check_counts();
    desk.check_log();
}

fn belongs_to(idx: u32, head: u32) -> bool {
    StepPlace::parts_of(head).contains(&idx)
}

fn report(desk: &mut Desk, claimed: &[Claimed], outcome: &Outcome) {
    desk.report(claimed, outcome);
    check(desk);
}

#[test]
fn every_value_is_a_part_and_their_results_come_together_once() {
    let mut desk = mapped("");
    assert_eq!(desk.state("each"), StepState::Waiting);
    assert_eq!(desk.task().counts.total, 7);
    assert!(desk.facts().contains(&Fact::StepSplit { step: 0, parts: 5 }));
    let mut parts = desk.claim(8);
    assert_eq!(desk.names(&parts), ["each[0]", "each[1]", "each[2]", "each[3]", "each[4]"]);
    // The order in which they end is not that of their results.
    parts.reverse();
    for (part, value) in parts.iter().zip([4, 3, 2, 1, 0]) {
        report(&mut desk, std::slice::from_ref(part), &returns(&json!({"row": value})));
    }
    assert_eq!(desk.result("each").to_string(), r#"[{"row":0},{"row":1},{"row":2},{"row":3},{"row":4}]"#);
    let after = desk.claim(8);
    assert_eq!(desk.names(&after), ["after"]);
    report(&mut desk, &after, &done());
    assert_eq!(desk.task().state, TaskState::Complete);
    assert_eq!(desk.task().counts.done, 7);
}

#[test]
fn a_report_of_a_part_looks_at_it_and_at_what_comes_next() {
    let mut desk = mapped(", parallelism: 1");
    let first = desk.claim(1);
    let input = desk.report_input(&first[0], &done());
    match desk.ask(std::slice::from_ref(&input), None) {
        Decision::NeedsSteps(scopes) => {
            let second = StepPlace::part(0, 1).idx();
            assert_eq!(
                scopes.iter().map(|scope| (scope.steps.as_slice(), scope.whole)).collect::<Vec<_>>(),
                [([second].as_slice(), false)]
            );
        }
        other => panic!("{other:?}"),
    }
    let written = desk.write_of(&[input]);
    assert_eq!(written, [0, StepPlace::part(0, 0).idx(), StepPlace::part(0, 1).idx()]);

    let mut desk = mapped("");
    let all = desk.claim(8);
    let input = desk.report_input(&all[3], &done());
    assert!(matches!(desk.ask(std::slice::from_ref(&input), None), Decision::Done(_)));
    assert_eq!(desk.write_of(&[input]), [0, StepPlace::part(0, 3).idx()]);
}

#[test]
fn as_many_parts_as_may_run_at_the_same_time() {
    let mut desk = mapped(", parallelism: 2");
    let mut seen = 0;
    loop {
        let running = desk.claim(8);
        check(&desk);
        if running.iter().any(|claimed| StepPlace::of(claimed.id.idx).part.is_none()) {
            break;
        }
        assert!(running.len() <= 2);
        seen += running.len();
        report(&mut desk, &running, &done());
    }
    assert_eq!(seen, 5);
}

#[test]
fn a_batchable_step_splits_into_ranges_for_the_step_that_it_names() {
    let mut desk = Desk::new(SPLIT);
    let count = desk.claim(1);
    let split = says(Some("small"), Batches::Split { total_items: 25, batch_size: 10 });
    let next = desk.report_and_claim(&count, &split, 8);
    check(&desk);
    assert_eq!(desk.names(&next), ["notes", "small[0]", "small[1]"], "in the commit that splits");
    assert_eq!(desk.state("large"), StepState::Skipped, "it was not chosen");
    let ranges: Vec<_> = (0..3).map(|part| desk.work(&format!("small[{part}]"))).collect();
    let range = |start, end| json!({"range": CursorRange { start, end }});
    assert_eq!(ranges, [range(0, 10), range(10, 20), range(20, 25)]);
    report(&mut desk, &next, &returns(&json!(1)));
    let last = desk.claim(8);
    let sum = desk.report_and_claim(&last, &returns(&json!(2)), 8);
    assert_eq!(desk.names(&sum), ["sum"]);
    assert_eq!(desk.result("small"), json!([1, 1, 2]));
}

#[test]
fn no_parts_are_done_at_once() {
    let mut desk = Desk::new(SPLIT);
    let count = desk.claim(1);
    let next = desk.report_and_claim(&count, &says(Some("large"), Batches::Items(Vec::new())), 8);
    assert_eq!(desk.names(&next), ["notes", "sum"]);
    assert_eq!(desk.result("large"), json!([]));
    check(&desk);

    let mut desk = Desk::new(SPLIT);
    let operated = desk.operate(Verb::ResolveSteps { which: Which::Name("count".into()), result: None });
    assert_eq!(operated, None);
    assert_eq!((desk.result("small"), desk.result("large")), (json!([]), json!([])), "nobody has split it");
}

#[test]
fn what_splits_badly_fails_for_good() {
    let too_many = Batches::Split { total_items: u64::MAX, batch_size: 7 };
    let bytes = "x".repeat(limits::BATCH_BYTES / 2);
    let too_large = Batches::Items(vec![Json::from(&json!(bytes)), Json::from(&json!(bytes))]);
    let cases = [
        (says(None, Batches::Items(Vec::new())), "batch_invalid"),
        (says(Some("notes"), Batches::Items(Vec::new())), "batch_invalid"),
        (says(Some("smal"), Batches::Items(Vec::new())), "batch_invalid"),
        (says(Some("small"), Batches::Split { total_items: 1, batch_size: 0 }), "batch_invalid"),
        (says(Some("small"), Batches::Ranges(vec![CursorRange { start: 2, end: 1 }])), "batch_invalid"),
        (says(Some("small"), too_many), "batch_too_large"),
        (says(Some("small"), too_large), "batch_too_large"),
        (done(), "batch_invalid"),
    ];
    for (outcome, code) in cases {
        let mut desk = Desk::new(SPLIT);
        let count = desk.claim(1);
        report(&mut desk, &count, &outcome);
        assert_eq!(desk.task().error.as_ref().unwrap().code, code);
        assert_eq!(desk.task().state, TaskState::Error);
    }
    let mut desk = Desk::new(SPLIT);
    let count = desk.claim(1);
    report(&mut desk, &count, &says(Some("small"), Batches::Split { total_items: u64::MAX, batch_size: u64::MAX }));
    assert_eq!(states(&desk, "small").len(), 1, "it need not be counted one by one");
}

#[test]
fn what_is_no_list_cannot_be_mapped() {
    for rows in [json!(5), json!({"a": 1}), Value::Null] {
        let mut desk = Desk::new(
            "
name: map
namespace: shop
version: 1.0.0
steps:
  - {name: each, for_each: input.rows, handler: {callable: each}}
",
        );
        desk.give(&json!({"rows": rows}));
        let due = desk.due("each");
        desk.apply(&[due], None);
        assert_eq!(desk.task().error.as_ref().unwrap().code, "for_each_failed");
        assert_eq!(desk.task().state, TaskState::Error);
    }
}

#[test]
fn others_run_on_and_a_failed_part_has_no_result() {
    let mut desk = mapped(", failure_strategy: continue_on_failure");
    let parts = desk.claim(8);
    report(&mut desk, &parts[1..2], &failed(ErrorKind::Permanent));
    report(&mut desk, &parts[..1], &returns(&json!(0)));
    report(&mut desk, &parts[2..], &returns(&json!(1)));
    assert_eq!(desk.result("each"), json!([0, null, 1, 1, 1]));
    let after = desk.claim(8);
    report(&mut desk, &after, &done());
    assert_eq!(desk.task().state, TaskState::Complete);
}

#[test]
fn an_isolated_part_waits_for_an_operator() {
    let mut desk = mapped(", failure_strategy: isolate, parallelism: 2");
    let parts = desk.claim(1);
    report(&mut desk, &parts, &failed(ErrorKind::Permanent));
    assert_eq!(desk.task().state, TaskState::BlockedByFailures);
    for _ in 0..3 {
        let others = desk.claim(8);
        report(&mut desk, &others, &done());
    }
    assert_eq!(desk.state("each"), StepState::Waiting, "the others are through");
    assert_eq!(desk.operate(Verb::Retry(Which::Name("each".into()))), None);
    check(&desk);
    let again = desk.claim(8);
    assert_eq!(desk.names(&again), ["each[0]"]);
    report(&mut desk, &again, &done());
    assert_eq!(desk.state("each"), StepState::Complete);
    assert_eq!(desk.task().state, TaskState::InProgress);
}

#[test]
fn parts_that_run_again_wait_for_their_turn() {
    let mut desk = mapped(", failure_strategy: isolate, parallelism: 1");
    for _ in 0..4 {
        let part = desk.claim(8);
        report(&mut desk, &part, &failed(ErrorKind::Permanent));
    }
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    check(&desk);
    let mut order = Vec::new();
    loop {
        let next = desk.claim(8);
        check(&desk);
        order.extend(desk.names(&next).into_iter().map(ToOwned::to_owned));
        if order.contains(&"after".to_owned()) {
            break;
        }
        report(&mut desk, &next, &done());
    }
    assert_eq!(order, ["each[4]", "each[0]", "each[1]", "each[2]", "each[3]", "after"]);
}

#[test]
fn the_first_failure_ends_the_batch_and_a_retry_brings_it_back() {
    let mut desk = mapped(", failure_strategy: fail_fast, parallelism: 2");
    let parts = desk.claim(8);
    report(&mut desk, &parts[..1], &failed(ErrorKind::Permanent));
    let cancelled =
        [StepState::Error, StepState::Cancelled, StepState::Cancelled, StepState::Cancelled, StepState::Cancelled];
    assert_eq!(states(&desk, "each"), cancelled);
    assert_eq!((desk.state("each"), desk.state("after")), (StepState::Cancelled, StepState::Cancelled));
    assert_eq!((desk.task().state, desk.task().counts.failed), (TaskState::Error, 1));

    assert_eq!(desk.operate(Verb::Retry(Which::Name("each".into()))), None);
    check(&desk);
    assert_eq!(desk.state("each"), StepState::Waiting);
    let mut ran = 0;
    loop {
        let next = desk.claim(8);
        if desk.names(&next) == ["after"] {
            break;
        }
        ran += next.len();
        report(&mut desk, &next, &done());
    }
    assert_eq!(ran, 5);
}

#[test]
fn a_failed_batch_may_be_left_out() {
    for (rule, after) in [("skip", StepState::Enqueued), ("skip_cascade", StepState::Skipped)] {
        let mut desk = mapped(&format!(", failure_strategy: fail_fast, on_exhaustion: {rule}"));
        let parts = desk.claim(8);
        report(&mut desk, &parts[2..3], &failed(ErrorKind::Permanent));
        assert_eq!((desk.state("each"), desk.state("after")), (StepState::Skipped, after));
        assert_eq!(states(&desk, "each")[2], StepState::Skipped);
        assert_eq!(desk.task().counts.failed, 0);
        let rest = desk.claim(8);
        report(&mut desk, &rest, &done());
        assert_eq!(desk.task().state, TaskState::Complete);
    }
}

#[test]
fn a_failed_batch_may_wait_for_an_operator() {
    let mut desk = mapped(", failure_strategy: fail_fast, on_exhaustion: block");
    let parts = desk.claim(8);
    report(&mut desk, &parts[2..3], &failed(ErrorKind::Permanent));
    assert_eq!(desk.task().state, TaskState::BlockedByFailures);
    assert_eq!(desk.state("each"), StepState::Waiting);
    assert_eq!(states(&desk, "each").iter().filter(|state| **state == StepState::Cancelled).count(), 4);
    let refused = desk.operate(Verb::Retry(Which::Name("each[0]".into())));
    assert!(refused.is_some(), "the part that failed has to be seen to first");
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    check(&desk);
    let again = desk.claim(8);
    assert_eq!(again.len(), 5);
    report(&mut desk, &again, &done());
    assert_eq!(desk.state("after"), StepState::Enqueued);
}

#[test]
fn a_part_has_attempts_of_its_own() {
    let mut desk = mapped(", parallelism: 1");
    let first = desk.claim(1);
    let again = Outcome::failed(StepError::retryable("later", "not yet"));
    report(&mut desk, &first, &again);
    assert_eq!(states(&desk, "each")[0], StepState::Skipped, "one attempt is all that this template gives");

    let second = desk.claim(1);
    for _ in 0..limits::LOSSES {
        let lost = desk.claim_of_running("each[1]");
        report(&mut desk, &lost, &Outcome::Abandoned);
        desk.claim(1);
    }
    assert_eq!(desk.names(&second), ["each[1]"]);
    assert_eq!(states(&desk, "each")[1], StepState::Skipped, "it may be what kills its workers");
}

#[test]
fn a_paused_batch_goes_on_where_it_was() {
    let mut desk = mapped(", parallelism: 2");
    let running = desk.claim(1);
    assert_eq!(desk.operate(Verb::Pause), None);
    report(&mut desk, &running, &done());
    assert!(desk.claim(8).is_empty());
    assert_eq!(desk.operate(Verb::Resume), None);
    check(&desk);
    let next = desk.claim(8);
    assert_eq!(desk.names(&next), ["each[1]", "each[2]"]);

    let mut desk = Desk::new(SPLIT);
    let count = desk.claim(1);
    assert_eq!(desk.operate(Verb::Pause), None);
    report(&mut desk, &count, &says(Some("small"), Batches::Split { total_items: 5, batch_size: 1 }));
    assert_eq!(states(&desk, "small"), [StepState::Pending; 5], "the work was split, and waits");
    assert_eq!(desk.operate(Verb::Resume), None);
    check(&desk);
    let next = desk.claim(8);
    assert_eq!(desk.names(&next), ["notes", "small[0]", "small[1]"]);
}

#[test]
fn nothing_is_left_open_by_whatever_ends_a_batch() {
    let end = |verb: Verb| {
        let mut desk = mapped(", parallelism: 2");
        desk.claim(1);
        assert_eq!(desk.operate(verb), None);
        check(&desk);
        assert!(states(&desk, "each").iter().all(|state| state.is_final()));
        desk
    };
    assert_eq!(end(Verb::Cancel).task().state, TaskState::Cancelled);
    let closed = Verb::ResolveSteps { which: Which::Name("each".into()), result: Some(Json::from(&json!([7]))) };
    let mut desk = end(closed);
    assert_eq!(desk.result("each"), json!([7]));
    let after = desk.claim(8);
    report(&mut desk, &after, &done());
    assert_eq!(desk.task().state, TaskState::Complete);
}

#[test]
fn parts_that_an_operator_closes_are_passed_over() {
    let mut desk = mapped(", parallelism: 1");
    for part in 1..4 {
        let result = Some(Json::from(&json!(part)));
        let which = Which::Name(format!("each[{part}]").into());
        assert_eq!(desk.operate(Verb::ResolveSteps { which, result }), None);
        check(&desk);
    }
    let first = desk.claim(8);
    let next = desk.report_and_claim(&first, &returns(&json!(0)), 8);
    check(&desk);
    assert_eq!(desk.names(&next), ["each[4]"]);
    report(&mut desk, &next, &returns(&json!(4)));
    assert_eq!(desk.result("each"), json!([0, 1, 2, 3, 4]));
}

#[test]
fn a_condition_leaves_out_the_parts_too() {
    let mut desk = Desk::new(
        "
name: split
namespace: shop
version: 1.0.0
steps:
  - {name: count, type: batchable, handler: {callable: count}}
  - {name: work, type: batch_worker, handler: {callable: work}, dependencies: [count], when: input.wanted}
  - {name: sum, type: deferred_convergence, handler: {callable: sum}, dependencies: [work, count]}
",
    );
    desk.give(&json!({"wanted": false}));
    let count = desk.claim(1);
    report(&mut desk, &count, &says(None, Batches::Split { total_items: 3, batch_size: 1 }));
    assert_eq!(desk.state("work"), StepState::Skipped);
    assert_eq!(states(&desk, "work"), [StepState::Cancelled; 3]);
    let sum = desk.claim(8);
    assert_eq!(desk.names(&sum), ["sum"]);
}

#[test]
fn results_that_are_too_much_together_are_refused_one_by_one() {
    let mut desk = Desk::new(SPLIT);
    let count = desk.claim(1);
    let parts = limits::BATCH_BYTES / limits::PAYLOAD_BYTES + 1;
    let split = Batches::Items(vec![Json::null(); parts]);
    let next = desk.report_and_claim(&count, &says(Some("large"), split), 99);
    let large: Vec<_> = next.into_iter().filter(|claimed| StepPlace::of(claimed.id.idx).part.is_some()).collect();
    assert_eq!(large.len(), parts);
    report(&mut desk, &large, &returns(&json!("x".repeat(limits::PAYLOAD_BYTES - 2))));
    let failed = states(&desk, "large").iter().filter(|state| **state == StepState::Skipped).count();
    assert_eq!(failed, 1);
    let codes = desk.facts().into_iter().filter_map(|fact| match fact {
        Fact::StepSkipped { error: Some(error), .. } => Some(error.code),
        _ => None,
    });
    assert_eq!(codes.collect::<Vec<_>>(), ["results_too_large"]);
    assert_eq!(desk.state("large"), StepState::Complete);
}

#[test]
fn a_strategy_that_the_handler_gives_goes_before_that_of_the_template() {
    let mut desk = Desk::new(SPLIT);
    let count = desk.claim(1);
    let config = BatchConfig {
        worker: Some("small".into()),
        batches: Batches::Split { total_items: 4, batch_size: 1 },
        parallelism: Some(3),
        failure_strategy: Some(FailureStrategy::FailFast),
    };
    let outcome = Outcome::Succeeded {
        result: Json::null(),
        next: Some(Next::Batches(config)),
        events: Vec::new(),
        metadata: None,
    };
    let next = desk.report_and_claim(&count, &outcome, 8);
    assert_eq!(desk.names(&next), ["notes", "small[0]", "small[1]", "small[2]"]);
    report(&mut desk, &next[2..3], &failed(ErrorKind::Permanent));
    assert_eq!(desk.state("small"), StepState::Cancelled);
}

/// A task whose step `count` was split for `small`, at its end.
fn split_and_done() -> Desk {
    let mut desk = Desk::new(SPLIT);
    let count = desk.claim(1);
    desk.report(&count, &says(Some("small"), Batches::Split { total_items: 25, batch_size: 10 }));
    for _ in 0..4 {
        let claimed = desk.claim(8);
        desk.report(&claimed, &returns(&json!(1)));
    }
    assert_eq!(desk.task().state, TaskState::Complete);
    desk
}

#[test]
fn a_batch_is_taken_over_as_a_whole() {
    let mut desk = split_and_done();
    assert_eq!(desk.rerun_from("sum", &[]), None);
    let steps: Vec<_> = desk.task_at(1).steps.iter().map(|step| step.state).collect();
    use StepState::{Complete, Enqueued, Skipped};
    assert_eq!(steps, [Complete, Complete, Skipped, Complete, Enqueued], "the parts stay with the old task");
    assert_eq!(desk.task_at(1).counts.done, 4);
    let sum = desk.claim(8);
    desk.report(&sum, &done());
    assert_eq!(desk.task_at(1).state, TaskState::Complete);
    desk.check_log();
}

#[test]
fn a_batch_runs_again_from_the_step_that_splits_it() {
    let mut desk = split_and_done();
    let refused = Some(Refusal::NoResult { step: "count".into() });
    assert_eq!(desk.rerun_from("small", &[]), refused);
    assert_eq!(desk.rerun_from("small", &[("count", json!(1))]), refused);
    assert_eq!(desk.rerun_from("count", &[]), None);
}

#[test]
fn what_could_not_be_split_is_split_when_it_runs_again() {
    let mut desk = Desk::new(
        "{name: map, namespace: shop, version: 1.0.0, steps: [{name: each, for_each: input.rows, handler: {callable: h}}]}",
    );
    desk.give(&json!({"rows": "none"}));
    let due = desk.due("each");
    desk.apply(&[due], None);
    assert_eq!(desk.state("each"), StepState::Error);
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    assert_eq!(desk.state("each"), StepState::Error, "its handler is for its parts, of which there are still none");
    desk.give(&json!({"rows": [1, 2]}));
    assert_eq!(desk.operate(Verb::Retry(Which::Failed)), None);
    assert_eq!(states(&desk, "each").len(), 2);
    check(&desk);
}
