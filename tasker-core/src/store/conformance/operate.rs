use std::{collections::BTreeSet, sync::Arc};

use super::bench::{Bench, cancel_of, failed, ids, lease, new_task, operate, report_of, succeeded};
use crate::{
    model::{Fact, Json, Outcome, StepError, StepState, TaskState, Verdict},
    state::{Refusal, Takeover, Verb, Which},
    store::Store,
};

fn broken() -> Outcome {
    failed(StepError::permanent("broken", "for good"))
}

pub(super) async fn a_paused_task_rests_until_it_is_resumed(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c:a").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    bench.transact(&[operate(task_id, Verb::Pause)], None).await;
    assert_eq!(bench.states(task_id).await, [StepState::InProgress, StepState::Pending, StepState::Pending]);
    assert_eq!(bench.claim(&["handle"], 9).await, []);
    // What runs is let end, and what it releases waits too.
    assert_eq!(bench.report(lease(&claimed[0]), succeeded("1")).await, Verdict::Accepted);
    assert_eq!(bench.states(task_id).await, [StepState::Complete, StepState::Pending, StepState::Pending]);
    assert_eq!(bench.task(task_id).await.state, TaskState::Paused);
    bench.audit(task_id).await;
    let again = bench.transact(&[operate(task_id, Verb::Pause)], None).await;
    assert_eq!(again.refusals, [(0, Refusal::TaskState(TaskState::Paused))]);
    bench.transact(&[operate(task_id, Verb::Resume)], None).await;
    assert_eq!(bench.task(task_id).await.state, TaskState::InProgress);
    assert_eq!(bench.claim(&["handle"], 9).await.len(), 2);
    bench.audit(task_id).await;
}

pub(super) async fn a_failed_task_goes_on_after_a_retry(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c:a d:b e:c,d").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 2).await;
    for claimed in &claimed {
        bench.report(lease(claimed), broken()).await;
    }
    let ended = bench.task(task_id).await;
    assert_eq!((ended.state, ended.counts.done, ended.counts.failed), (TaskState::Error, 5, 2));
    // Only what the failure of `a` cancelled comes back: `e` still waits for what `b` has doomed.
    bench.transact(&[operate(task_id, Verb::Retry(Which::Name("a".into())))], None).await;
    use StepState::{Cancelled, Enqueued, Error, Pending};
    assert_eq!(bench.states(task_id).await, [Enqueued, Error, Pending, Cancelled, Cancelled]);
    let open = bench.task(task_id).await;
    assert_eq!((open.state, open.completed_at, open.counts.done), (TaskState::InProgress, None, 3));
    assert_eq!(open.error.map(|error| error.message), Some("step `b` failed: for good".to_owned()));
    bench.audit(task_id).await;
    // The old attempt is fenced off, and the new one is the next.
    assert_eq!(bench.report(lease(&claimed[0]), succeeded("1")).await, Verdict::StaleLease);
    let again = bench.claim(&["handle"], 9).await;
    assert_eq!((ids(&again), again[0].attempt, again[0].failures), (vec![claimed[0].id], 2, 0));
    bench.transact(&[operate(task_id, Verb::Retry(Which::Failed))], None).await;
    assert_eq!(bench.states(task_id).await[1..], [Enqueued, Pending, Pending, Pending]);
    bench.report(lease(&again[0]), succeeded("1")).await;
    while let [claimed, ..] = &bench.claim(&["handle"], 1).await[..] {
        bench.report(lease(claimed), succeeded("1")).await;
    }
    let done = bench.task(task_id).await;
    assert_eq!((done.state, done.error, done.counts.done), (TaskState::Complete, None, 5));
    bench.audit(task_id).await;
}

pub(super) async fn steps_are_closed_by_hand(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:b").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), broken()).await;
    let resolve = Verb::ResolveSteps { which: Which::Failed, result: None };
    bench.transact(&[operate(task_id, resolve)], None).await;
    use StepState::{Complete, Enqueued, InProgress, Pending, ResolvedManually};
    assert_eq!(bench.states(task_id).await, [ResolvedManually, Enqueued, Pending]);
    let claimed = bench.claim(&["handle"], 1).await;
    assert_eq!(bench.states(task_id).await, [ResolvedManually, InProgress, Pending]);
    let result = Json::parse("{\"by\": \"hand\"}".to_owned()).unwrap();
    let complete = Verb::CompleteStep { which: Which::Idx(1), result: result.clone() };
    bench.transact(&[operate(task_id, complete.clone())], None).await;
    assert_eq!(bench.states(task_id).await, [ResolvedManually, Complete, Enqueued]);
    assert_eq!(bench.steps(task_id).await[1].result, Some(result));
    assert_eq!(bench.report(lease(&claimed[0]), succeeded("2")).await, Verdict::StaleLease);
    let twice = bench.transact(&[operate(task_id, complete)], None).await;
    assert_eq!(twice.refusals, [(0, Refusal::StepState { step: "b".into(), state: Complete })]);
    bench.audit(task_id).await;
}

pub(super) async fn another_priority_is_another_place_in_the_queue(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let first = bench.submit(&definition).await;
    let second = bench.submit(&definition).await;
    bench.transact(&[operate(second, Verb::Prioritize(7))], None).await;
    assert_eq!(bench.task(second).await.priority, 7);
    let claimed = bench.claim(&["handle"], 1).await;
    assert_eq!(claimed[0].id.task_id, second);
    // Steps that become ready later go by it too.
    bench.report(lease(&claimed[0]), succeeded("1")).await;
    let claimed = bench.claim(&["handle"], 1).await;
    assert_eq!((claimed[0].id.task_id, claimed[0].id.idx), (second, 1));
    bench.audit(first).await;
    bench.audit(second).await;
}

pub(super) async fn a_rerun_is_linked_and_noted_once(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let task_id = bench.submit(&definition).await;
    bench.transact(&[operate(task_id, Verb::Cancel)], None).await;
    let ended = bench.task(task_id).await;
    let mut again = new_task(&definition);
    again.submission.rerun_of = Some(task_id);
    let again = bench.insert(again).await;
    assert_eq!(bench.task(again).await.rerun_of, Some(task_id));
    let note = operate(task_id, Verb::NoteRerun { task: again, seq: ended.seq });
    bench.transact(std::slice::from_ref(&note), None).await;
    bench.transact(&[note], None).await;
    let noted = bench.task(task_id).await;
    assert_eq!((noted.state, noted.seq, noted.completed_at), (ended.state, ended.seq + 1, ended.completed_at));
    let last = bench.events(task_id).await.pop().unwrap();
    assert!(
        matches!(&last.fact, Fact::TaskRerun { task, actor } if *task == again && actor.by.as_deref() == Some("ann"))
    );
    bench.audit(task_id).await;
}

pub(super) async fn a_report_and_a_verb_in_one_call_count_in_order(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    let inputs = [
        report_of(&claimed[0], broken()),
        operate(task_id, Verb::Retry(Which::Failed)),
        operate(task_id, Verb::Pause),
        operate(task_id, Verb::Retry(Which::Idx(1))),
    ];
    let changes = bench.transact(&inputs, None).await;
    assert_eq!(changes.refusals, [(3, Refusal::StepState { step: "b".into(), state: StepState::Pending })]);
    assert_eq!(bench.states(task_id).await, [StepState::Pending, StepState::Pending]);
    assert_eq!(bench.task(task_id).await.state, TaskState::Paused);
    bench.audit(task_id).await;
}

pub(super) async fn a_task_goes_on_from_a_step_of_another(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:b").await;
    let task_id = bench.submit(&definition).await;
    for result in ["{\"z\": 1.10}", "2"] {
        let claimed = bench.claim(&["handle"], 1).await;
        bench.report(lease(&claimed[0]), succeeded(result)).await;
    }
    bench.transact(&[cancel_of(task_id)], None).await;
    let mut task = new_task(&definition);
    task.submission.rerun_of = Some(task_id);
    let new_id = task.task_id;
    let taken = Json::parse("{\"z\": 1.10}".to_owned()).unwrap();
    let results = [(0, taken.clone())].into();
    let takeover = Takeover { task, from: 1, results, given: BTreeSet::new() };
    bench.transact(&[operate(task_id, Verb::RerunFrom(Box::new(takeover)))], None).await;
    assert_eq!(bench.states(new_id).await, [StepState::Complete, StepState::Enqueued, StepState::Pending]);
    let steps = bench.steps(new_id).await;
    assert_eq!((steps[0].result.as_ref(), steps[0].attempt), (Some(&taken), 0), "as it was written");
    bench.audit(new_id).await;
    bench.audit(task_id).await;
    for _ in 0..2 {
        let claimed = bench.claim(&["handle"], 9).await;
        assert_eq!((claimed.len(), claimed[0].id.task_id), (1, new_id));
        bench.report(lease(&claimed[0]), succeeded("1")).await;
    }
    let task = bench.task(new_id).await;
    assert_eq!((task.state, task.rerun_of), (TaskState::Complete, Some(task_id)));
    bench.audit(new_id).await;
}
