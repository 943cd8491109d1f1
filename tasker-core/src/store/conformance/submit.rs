use std::{collections::HashMap, sync::Arc};

use super::bench::{Bench, QUEUE, new_task, odd_texts, template, trace_context, with_key};
use crate::{
    dag::Submission,
    model::{Fact, Json, Lease, Outcome, Step, StepState, TaskCounts, TaskState, Verdict},
    state::{Claim, Decision, Look, Snapshot, TaskSnapshot, decide},
    store::{Inserted, Store},
};

pub(super) async fn what_is_submitted_is_stored(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:a d:b,c e").await;
    let mut new = new_task(&definition);
    let some = |text: &str| Some(text.to_owned());
    let trace = trace_context();
    new.template.environment = Some("production".into());
    new.deadline_ms = Some(60_000);
    new.submission = Submission {
        context: Json::parse(r#"{"total":12.50}"#.to_owned()).unwrap(),
        priority: -3,
        initiator: some("ann"),
        source_system: some("web"),
        reason: some("ordered"),
        tags: vec!["new".to_owned(), "with \"quotes\", {braces}".to_owned()],
        correlation_id: some("c-1"),
        parent_correlation_id: some("c-0"),
        idempotency_key: some("o-1"),
        rerun_of: None,
        trace: Some(trace.clone()),
    };
    assert_eq!(bench.store.insert_tasks(&[new.clone()]).await.unwrap(), [Inserted::Created(new.task_id)]);

    let task = bench.task(new.task_id).await;
    assert_eq!((task.namespace.as_str(), task.name.as_str(), task.version.as_str()), (QUEUE, "order", "1.0.0"));
    assert_eq!((task.template_id, task.environment.as_deref()), (definition.key.id, Some("production")));
    assert_eq!((task.state, task.priority), (TaskState::Pending, -3));
    assert_eq!(task.context.as_str(), r#"{"total":12.50}"#);
    assert_eq!(task.tags, new.submission.tags);
    assert_eq!((task.initiator, task.source_system, task.reason), (some("ann"), some("web"), some("ordered")));
    assert_eq!((task.correlation_id, task.parent_correlation_id), (some("c-1"), some("c-0")));
    assert_eq!((task.idempotency_key, task.flow.trace, task.flow.parent), (some("o-1"), Some(trace), None));
    assert_eq!(task.counts, TaskCounts { total: 5, ..TaskCounts::default() });
    assert_eq!(task.deadline_at.unwrap().since(task.created_at).as_millis(), 60_000);
    assert_eq!((task.updated_at, task.completed_at, task.error), (task.created_at, None, None));

    let steps = bench.steps(new.task_id).await;
    let rows: Vec<_> = steps.iter().map(|it| (it.name.as_str(), it.state, it.unmet, it.dependents.clone())).collect();
    assert_eq!(
        rows,
        [
            ("a", StepState::Enqueued, 0, vec![1, 2]),
            ("b", StepState::Pending, 1, vec![3]),
            ("c", StepState::Pending, 1, vec![3]),
            ("d", StepState::Pending, 2, vec![]),
            ("e", StepState::Enqueued, 0, vec![]),
        ]
    );
    assert!(steps.iter().all(|it| it.queue == QUEUE && it.handler == "handle" && it.attempt == 0));
    let facts: Vec<_> = bench.events(new.task_id).await.into_iter().map(|event| event.fact).collect();
    assert_eq!(facts, [Fact::TaskCreated]);
    bench.audit(new.task_id).await;
}

pub(super) async fn a_key_belongs_to_one_task(store: Arc<dyn Store>) {
    let (mut bench, order) = Bench::with(store, "a").await;
    let refund = bench.register(&template("refund", "a")).await;
    let first = bench.insert(with_key(&order, "k")).await;
    let tasks = [with_key(&order, "k"), with_key(&refund, "k"), with_key(&order, "l"), new_task(&order)];
    let answers = bench.store.insert_tasks(&tasks).await.unwrap();
    let created = |at: usize| Inserted::Created(tasks[at].task_id);
    assert_eq!(answers, [Inserted::Existing(first), created(1), created(2), created(3)]);
    assert!(bench.store.task(tasks[0].task_id).await.unwrap().is_none());
    assert!(bench.steps(tasks[0].task_id).await.is_empty());
    let again = bench.store.insert_tasks(&tasks[..1]).await.unwrap();
    assert_eq!(again, [Inserted::Existing(first)]);
    assert_eq!(bench.store.insert_tasks(&[]).await.unwrap(), []);
}

pub(super) async fn a_key_counts_within_one_call(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let tasks = [with_key(&definition, "k"), with_key(&definition, "k"), with_key(&definition, "l")];
    let answers = bench.store.insert_tasks(&tasks).await.unwrap();
    let [first, _, third] = tasks.map(|task| task.task_id);
    assert_eq!(answers, [Inserted::Created(first), Inserted::Existing(first), Inserted::Created(third)]);
    assert_eq!(bench.claim(&["handle"], 10).await.len(), 2);
}

pub(super) async fn json_stays_as_it_was_written(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let texts = odd_texts();
    let task = |text: &String| {
        let mut task = new_task(&definition);
        task.submission.context = Json::parse(text.clone()).unwrap();
        task
    };
    let tasks: Vec<_> = texts.iter().map(task).collect();
    bench.store.insert_tasks(&tasks).await.unwrap();
    for (task, text) in tasks.iter().zip(&texts) {
        let stored = bench.task(task.task_id).await.context;
        assert!(stored.as_str() == text, "{:.80} became {:.80}", text, stored.as_str());
    }
}

pub(super) async fn steps_may_have_begun_when_their_task_is_stored(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c").await;
    let taken = bench.insert(with_key(&definition, "k")).await;
    let tasks = [new_task(&definition), with_key(&definition, "k"), new_task(&definition), new_task(&definition)];
    let now = bench.store.now().await.unwrap();
    let snapshots = tasks[..3].iter().map(TaskSnapshot::of_new).collect();
    let snapshot = Snapshot { now, tasks: snapshots, candidates_loaded: false, values: HashMap::new() };
    let claim = Claim { look: Look::Nowhere, ..bench.claim_of(&["handle"], 5) };
    let Decision::Done(begun) = decide(&snapshot, &[], Some(&claim), &bench.definitions) else { panic!("not enough") };
    let answers = bench.store.insert_begun(&tasks, &begun).await.unwrap();
    assert_eq!(answers[1], Inserted::Existing(taken));

    // Both roots of two tasks and one of a third were wanted; one of the tasks is not stored, and one has not begun.
    let steps = async |at: usize| states(&bench.steps(tasks[at].task_id).await);
    assert_eq!(steps(0).await, [StepState::InProgress, StepState::Pending, StepState::InProgress]);
    assert_eq!(steps(1).await, []);
    assert_eq!(steps(2).await, [StepState::InProgress, StepState::Pending, StepState::Enqueued]);
    assert_eq!(steps(3).await, [StepState::Enqueued, StepState::Pending, StepState::Enqueued]);
    for (at, active) in [(0, 2), (2, 1), (3, 0)] {
        let task = bench.task(tasks[at].task_id).await;
        assert_eq!((task.counts.active, task.state == TaskState::InProgress), (active, active > 0));
        assert!(active == 0 || task.created_at == now);
        bench.audit(task.task_id).await;
    }
    let facts: Vec<_> = bench.events(tasks[2].task_id).await.into_iter().map(|event| event.fact).collect();
    let worker = claim.worker_id;
    assert_eq!(facts, [Fact::TaskCreated, Fact::TaskStarted, Fact::StepStarted { step: 0, attempt: 1, worker }]);

    let row = &bench.steps(tasks[2].task_id).await[0];
    assert_eq!((row.worker_id, row.started_at, row.due_at), (Some(worker), Some(now), Some(now + claim.lease)));
    let lease = Lease { task_id: tasks[2].task_id, step_idx: 0, attempt: 1 };
    assert_eq!(bench.report(lease, Outcome::succeeded(Json::null())).await, Verdict::Accepted);
    assert_eq!(bench.claim(&["handle"], 10).await.len(), 6);
}

fn states(steps: &[Step]) -> Vec<StepState> {
    steps.iter().map(|step| step.state).collect()
}
