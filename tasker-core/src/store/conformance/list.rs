use std::sync::Arc;

use super::bench::{Bench, QUEUE, cancel_of, lease, new_task, succeeded, template};
use crate::{
    model::{TaskId, TaskState, TemplateId, WorkerId},
    store::{Store, TaskCursor, TaskFilter, WorkerRecord},
};

pub(super) async fn filters_and_pages(store: Arc<dyn Store>) {
    let (mut bench, order) = Bench::with(store, "a").await;
    let refund = bench.register(&template("refund", "a")).await;
    let orders: Vec<_> = (0..5).map(|_| new_task(&order)).collect();
    bench.store.insert_tasks(&orders).await.unwrap();
    let refund = bench.submit(&refund).await;
    let [a, b, c, d, e]: [TaskId; 5] = std::array::from_fn(|at| orders[at].task_id);
    bench.transact(&[cancel_of(b)], None).await;
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), succeeded("1")).await;

    let all = TaskFilter::default();
    let named = TaskFilter { namespace: Some(QUEUE.to_owned()), name: Some("order".to_owned()), ..all.clone() };
    let listed = async |filter: TaskFilter, limit| {
        let page = bench.store.tasks(&filter, limit).await.unwrap();
        (page.items.iter().map(|task| task.task_id).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(listed(all.clone(), 10).await, (vec![refund, e, d, c, b, a], None));
    assert_eq!(listed(named.clone(), 5).await, (vec![e, d, c, b, a], None));
    let ended = TaskFilter { states: vec![TaskState::Complete, TaskState::Cancelled], ..all.clone() };
    assert_eq!(listed(ended, 10).await, (vec![b, a], None));
    for other in [
        TaskFilter { version: Some("2.0.0".to_owned()), ..all.clone() },
        TaskFilter { namespace: Some("other".to_owned()), ..all.clone() },
        TaskFilter { states: vec![TaskState::Paused], ..all },
    ] {
        assert_eq!(listed(other, 10).await, (vec![], None));
    }
    let mut after: Option<TaskCursor> = None;
    let mut pages = Vec::new();
    loop {
        let (page, next) = listed(TaskFilter { after, version: Some("1.0.0".to_owned()), ..named.clone() }, 2).await;
        pages.push(page);
        let Some(next) = next else { break };
        after = Some(next.parse().unwrap());
    }
    assert_eq!(pages, [vec![e, d], vec![c, b], vec![a]]);
}

pub(super) async fn events_from_a_position(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:b").await;
    let task_id = bench.submit(&definition).await;
    bench.submit(&definition).await;
    for _ in 0..3 {
        let claimed = bench.claim(&["handle"], 1).await;
        bench.report(lease(&claimed[0]), succeeded("1")).await;
    }
    let all = bench.store.events(task_id, 0, 100).await.unwrap();
    assert_eq!(all.len(), 7, "one batch for the submission, each claim and each report");
    assert!(all.iter().all(|batch| batch.task_id == task_id));
    let mut read = Vec::new();
    let mut position = 0;
    loop {
        let batches = bench.store.events(task_id, position, 2).await.unwrap();
        let Some(last) = batches.last() else { break };
        assert!(batches.len() <= 2);
        position = last.first_seq + i64::try_from(last.facts.len()).unwrap() - 1;
        read.extend(batches);
    }
    assert_eq!(read, all);
    assert_eq!(position, bench.task(task_id).await.seq);
    // A position within a batch goes on behind that batch.
    assert_eq!(bench.store.events(task_id, 1, 100).await.unwrap(), all[1..]);
}

pub(super) async fn unknown_ids_are_nothing(store: Arc<dyn Store>) {
    let bench = Bench::new(store).await;
    let task_id = TaskId::new();
    assert!(bench.store.task(task_id).await.unwrap().is_none());
    assert!(bench.store.steps(task_id).await.unwrap().is_empty());
    assert!(bench.store.events(task_id, 0, 10).await.unwrap().is_empty());
    assert!(bench.store.template(TemplateId::new()).await.unwrap().is_none());
    assert!(bench.store.payloads(&[]).await.unwrap().is_empty());
    let changes = bench.transact(&[cancel_of(task_id)], None).await;
    assert!(changes.is_empty());
    assert!(!bench.store.describe().is_empty());
}

pub(super) async fn workers_as_they_said_last(store: Arc<dyn Store>) {
    let bench = Bench::new(store).await;
    let worker = |host: &str| WorkerRecord {
        worker_id: WorkerId::new(),
        host: host.to_owned(),
        pid: 7,
        language: "rust".to_owned(),
        slots: 4,
        handlers: vec!["handle".to_owned(), "Refunds::Pay".to_owned()],
        queues: Vec::new(),
    };
    let (first, second) = (worker("one"), worker("two"));
    let moved = WorkerRecord { slots: 9, queues: vec![QUEUE.to_owned()], ..first.clone() };
    for record in [&first, &second, &moved] {
        bench.store.put_worker(record, None).await.unwrap();
    }
    assert_eq!(bench.store.workers(&[first.worker_id, WorkerId::new()]).await.unwrap(), [moved]);
    assert_eq!(bench.store.workers(&[]).await.unwrap(), []);
}

pub(super) async fn usage_counts_what_is_written(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let before = bench.store.usage().await.unwrap();
    bench.submit(&definition).await;
    let after = bench.store.usage().await.unwrap();
    // A store that does not count says so each time. Other checks run on the same server: at least this was written.
    assert_eq!(before.is_some(), after.is_some());
    if let Some((before, after)) = before.zip(after) {
        assert!(after.commits > before.commits, "{before:?} {after:?}");
        assert!(after.wal_bytes > before.wal_bytes, "{before:?} {after:?}");
    }
}
