use std::sync::Arc;

use super::bench::{Bench, failed, ids, lease, new_task, odd_texts, report_of, succeeded, trace_context};
use crate::{
    model::{Fact, Json, Lease, StepError, StepId, StepState, TaskId, TaskState, Verdict},
    state::Input,
    store::{PayloadRequest, Store},
};

pub(super) async fn a_chain_claims_in_the_transaction_that_reports(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:b").await;
    let task_id = bench.submit(&definition).await;
    let claim = bench.claim_of(&["handle"], 1);
    let mut claimed = bench.claim(&["handle"], 1).await;
    for idx in 0..3 {
        assert_eq!(ids(&claimed), [StepId::new(task_id, idx)]);
        let changes = bench.transact(&[report_of(&claimed[0], succeeded("true"))], Some(&claim)).await;
        assert_eq!(changes.verdicts, [Verdict::Accepted]);
        claimed = changes.claimed;
        bench.audit(task_id).await;
    }
    let task = bench.task(task_id).await;
    assert_eq!((task.state, task.counts.done), (TaskState::Complete, 3));
    assert_eq!(task.completed_at, Some(task.updated_at));
    let facts: Vec<_> = bench.events(task_id).await.into_iter().map(|event| event.fact).collect();
    // Steps that are handed out as they become ready were never in a queue.
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::StepEnqueued { .. })));
    assert_eq!(facts.last(), Some(&Fact::TaskCompleted));
}

pub(super) async fn a_diamond_joins(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:a d:b,c").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 9).await;
    let changes = bench.transact(&[report_of(&claimed[0], succeeded("1"))], None).await;
    assert_eq!(changes.enqueued.len(), 1);
    let claimed = bench.claim(&["handle"], 9).await;
    assert_eq!(ids(&claimed), [StepId::new(task_id, 1), StepId::new(task_id, 2)]);
    bench.report(lease(&claimed[1]), succeeded("2")).await;
    assert_eq!(bench.steps(task_id).await[3].unmet, 1);
    assert_eq!(bench.claim(&["handle"], 9).await, []);
    bench.report(lease(&claimed[0]), succeeded("3")).await;
    let claimed = bench.claim(&["handle"], 9).await;
    assert_eq!(ids(&claimed), [StepId::new(task_id, 3)]);
    let changes = bench.transact(&[report_of(&claimed[0], succeeded("4"))], None).await;
    assert_eq!(changes.ended, [(task_id, TaskState::Complete)]);
    let results: Vec<_> = bench.steps(task_id).await.into_iter().map(|step| step.result.unwrap().to_string()).collect();
    assert_eq!(results, ["1", "3", "2", "4"]);
    bench.audit(task_id).await;
}

pub(super) async fn a_retry_falls_due(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let task_id = bench.submit(&definition).await;
    for failures in 1..=3 {
        let claimed = bench.claim(&["handle"], 1).await;
        assert_eq!((claimed[0].attempt, claimed[0].failures), (failures, failures - 1));
        bench.report(lease(&claimed[0]), failed(StepError::retryable("busy", format!("{failures}")))).await;
        if failures < 3 {
            let step = &bench.steps(task_id).await[0];
            assert_eq!((step.state, step.failures), (StepState::WaitingForRetry, failures));
            assert_eq!(step.error.as_ref().map(|error| error.code.as_str()), Some("busy"));
            assert_eq!(bench.claim(&["handle"], 1).await, []);
            bench.sweep().await;
        }
    }
    assert_eq!(bench.states(task_id).await, [StepState::Error, StepState::Cancelled]);
    assert_eq!(bench.task(task_id).await.state, TaskState::Error);
    assert_eq!(bench.store.due(10).await.unwrap().steps, []);
    bench.audit(task_id).await;
}

pub(super) async fn a_failure_cancels_what_depends_on_it(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:b d:c e").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 2).await;
    let error = StepError { backtrace: Some("at a".to_owned()), ..StepError::permanent("no_stock", "none \u{1f980}") };
    bench.report(lease(&claimed[0]), failed(error.clone())).await;
    use StepState::{Cancelled, Complete, Error, InProgress};
    assert_eq!(bench.states(task_id).await, [Error, Cancelled, Cancelled, Cancelled, InProgress]);
    assert_eq!(bench.task(task_id).await.state, TaskState::InProgress);
    bench.audit(task_id).await;
    bench.report(lease(&claimed[1]), succeeded("1")).await;
    assert_eq!(bench.states(task_id).await, [Error, Cancelled, Cancelled, Cancelled, Complete]);
    assert_eq!(bench.steps(task_id).await[0].error, Some(error));
    let task = bench.task(task_id).await;
    assert_eq!((task.state, task.counts.failed, task.counts.done), (TaskState::Error, 1, 5));
    assert_eq!(task.error.map(|error| error.code), Some("no_stock".to_owned()));
    bench.audit(task_id).await;
}

pub(super) async fn a_branch_may_end_after_its_join_was_cancelled(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c:a,b").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 2).await;
    bench.report(lease(&claimed[0]), failed(StepError::permanent("no_stock", "none"))).await;
    let cancelled_at = bench.steps(task_id).await[2].ended_at;
    bench.report(lease(&claimed[1]), succeeded("1")).await;
    assert_eq!(bench.states(task_id).await, [StepState::Error, StepState::Complete, StepState::Cancelled]);
    assert_eq!(bench.steps(task_id).await[2].ended_at, cancelled_at);
    assert_eq!(bench.task(task_id).await.state, TaskState::Error);
    bench.audit(task_id).await;
}

pub(super) async fn stale_attempts_are_refused(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    let held = lease(&claimed[0]);
    let stale = [
        Lease { attempt: held.attempt + 1, ..held },
        Lease { attempt: 0, ..held },
        Lease { step_idx: 1, ..held },
        Lease { step_idx: 99, ..held },
        Lease { task_id: TaskId::new(), ..held },
    ];
    for lease in stale {
        assert_eq!(bench.report(lease, succeeded("1")).await, Verdict::StaleLease);
    }
    assert_eq!(bench.report(held, succeeded("1")).await, Verdict::Accepted);
    assert_eq!(bench.report(held, succeeded("2")).await, Verdict::StaleLease);
    assert_eq!(bench.steps(task_id).await[0].result.as_ref().map(Json::as_str), Some("1"));
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), succeeded("1")).await;
    for lease in [held, Lease { step_idx: 99, ..held }] {
        assert_eq!(bench.report(lease, succeeded("3")).await, Verdict::TaskCancelled);
    }
    bench.audit(task_id).await;
}

pub(super) async fn a_thousand_reports_at_once(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let tasks: Vec<_> = (0..1_000).map(|_| new_task(&definition)).collect();
    bench.store.insert_tasks(&tasks).await.unwrap();
    let claim = bench.claim_of(&["handle"], 1_000);
    let mut claimed = bench.claim(&["handle"], 1_000).await;
    for _ in 0..2 {
        assert_eq!(claimed.len(), 1_000);
        let reports: Vec<_> = claimed.iter().map(|claimed| report_of(claimed, succeeded("[1]"))).collect();
        let changes = bench.transact(&reports, Some(&claim)).await;
        assert!(changes.verdicts.len() == 1_000 && changes.verdicts.iter().all(|it| *it == Verdict::Accepted));
        claimed = changes.claimed;
    }
    for task in [&tasks[0], &tasks[499], &tasks[999]] {
        assert_eq!(bench.task(task.task_id).await.state, TaskState::Complete);
        bench.audit(task.task_id).await;
    }
}

pub(super) async fn results_stay_as_they_were_written(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let texts = odd_texts();
    let tasks: Vec<_> = texts.iter().map(|_| new_task(&definition)).collect();
    bench.store.insert_tasks(&tasks).await.unwrap();
    let claimed = bench.claim(&["handle"], texts.len()).await;
    let reports: Vec<_> =
        claimed.iter().zip(&texts).map(|(claimed, text)| report_of(claimed, succeeded(text))).collect();
    bench.transact(&reports, None).await;
    let request = |task_id| PayloadRequest { steps: vec![0], ..PayloadRequest::new(task_id) };
    let requests: Vec<_> = claimed.iter().map(|claimed| request(claimed.id.task_id)).collect();
    let payloads = bench.store.payloads(&requests).await.unwrap();
    for ((claimed, text), payload) in claimed.iter().zip(&texts).zip(&payloads) {
        let stored = bench.steps(claimed.id.task_id).await.remove(0).result.unwrap();
        assert!(stored.as_str() == text, "{:.80} became {:.80}", text, stored.as_str());
        assert!(payload.results[0].1.as_str() == text, "the payload of {text:.80}");
    }
}

pub(super) async fn payloads_by_request(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c:a,b").await;
    let mut new = new_task(&definition);
    new.submission.context = Json::parse(r#"{"n":1}"#.to_owned()).unwrap();
    new.submission.correlation_id = Some("c-1".to_owned());
    new.submission.trace = Some(trace_context());
    let task_id = bench.insert(new).await;
    let other = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 2).await;
    let inputs: Vec<Input> =
        claimed.iter().map(|it| report_of(it, succeeded(&format!("{}", it.id.idx + 10)))).collect();
    bench.transact(&inputs, None).await;
    let request = |task_id, with_context, steps: &[u32]| PayloadRequest {
        with_context,
        steps: steps.to_vec(),
        ..PayloadRequest::new(task_id)
    };
    let requests = [
        request(task_id, true, &[1, 0, 2, 99]),
        request(TaskId::new(), true, &[0]),
        request(other, true, &[0]),
        request(task_id, false, &[0]),
        request(task_id, true, &[]),
    ];
    let payloads = bench.store.payloads(&requests).await.unwrap();
    let texts = |at: usize| -> Vec<_> { payloads[at].results.iter().map(|(idx, it)| (*idx, it.to_string())).collect() };
    let contexts: Vec<_> = payloads.iter().map(|it| it.context.as_ref().map(Json::to_string)).collect();
    let context = Some(r#"{"n":1}"#.to_owned());
    assert_eq!(contexts, [context.clone(), None, Some("{}".to_owned()), None, context]);
    assert_eq!(texts(0), [(0, "10".to_owned()), (1, "11".to_owned())]);
    assert_eq!((texts(1), texts(2), texts(4)), (vec![], vec![], vec![]));
    assert_eq!(texts(3), [(0, "10".to_owned())]);
    assert_eq!(payloads[0].correlation_id.as_deref(), Some("c-1"));
    assert_eq!(payloads[2].correlation_id, None);
    assert_eq!((&payloads[0].trace, &payloads[2].trace), (&Some(trace_context()), &None));
}

pub(super) async fn changes_from_memory_are_written_where_nothing_has_moved(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let tasks = [bench.submit(&definition).await, bench.submit(&definition).await];
    let unmoved = [bench.submit(&definition).await, bench.submit(&definition).await];
    let claimed = bench.claim(&["handle"], 9).await;
    let reports: Vec<_> = claimed.iter().map(|claimed| report_of(claimed, succeeded("1"))).collect();
    let (reports, others) = reports.split_at(2);
    let both = bench.foresee(reports).await;
    bench.report(lease(&claimed[1]), failed(StepError::permanent("broken", "it broke"))).await;

    // One of the two has moved on: neither is written.
    assert!(!bench.store.apply_unchanged(&both).await.unwrap());
    assert_eq!(bench.states(tasks[0]).await, [StepState::InProgress, StepState::Pending]);
    assert_eq!(bench.states(tasks[1]).await, [StepState::Error, StepState::Cancelled]);

    let others = bench.foresee(others).await;
    assert!(bench.store.apply_unchanged(&others).await.unwrap());
    assert!(!bench.store.apply_unchanged(&others).await.unwrap(), "not twice");

    let alone = bench.foresee(&reports[..1]).await;
    assert!(bench.store.apply_unchanged(&alone).await.unwrap());
    assert_eq!(bench.states(tasks[0]).await, [StepState::Complete, StepState::Enqueued]);
    assert!(!bench.store.apply_unchanged(&alone).await.unwrap(), "not twice");
    for task_id in unmoved {
        assert_eq!(bench.states(task_id).await, [StepState::Complete, StepState::Enqueued]);
    }
    for task_id in tasks.into_iter().chain(unmoved) {
        bench.audit(task_id).await;
    }
}
