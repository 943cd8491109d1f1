use std::sync::Arc;

use super::bench::{Bench, QUEUE, cancel_of, lease, new_task, succeeded, template};
use crate::{
    model::{EventBatch, Outcome, TaskId, TaskState, TemplateId, WorkerId, limits},
    store::{EventCursor, Store, TaskCursor, TaskFilter, WorkerRecord},
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
    let end = bench.task(task_id).await.seq;
    for position in 0..end {
        let holds_next =
            |batch: &EventBatch| batch.first_seq + i64::try_from(batch.facts.len()).unwrap() > position + 1;
        let rest: Vec<_> = all.iter().filter(|batch| holds_next(batch)).cloned().collect();
        assert_eq!(bench.store.events(task_id, position, 100).await.unwrap(), rest, "behind {position}");
        let some = &rest[..rest.len().min(2)];
        assert_eq!(bench.store.events(task_id, position, 2).await.unwrap(), some);
    }
    for beyond in [end, i64::MAX] {
        assert_eq!(bench.store.events(task_id, beyond, 100).await.unwrap(), []);
    }
}

/// Events can be large, and a page of them is held in memory.
pub(super) async fn a_page_of_events_is_bounded_in_bytes(store: Arc<dyn Store>) {
    let steps: Vec<_> = (0..40).map(|step| format!("s{step}")).collect();
    let (bench, definition) = Bench::with(store, &steps.join(" ")).await;
    let task_id = bench.submit(&definition).await;
    for claimed in bench.claim(&["handle"], steps.len()).await {
        // What cannot be compressed, as long as may be kept with an outcome.
        let noise: String = (0..limits::ERROR_BYTES - 100).map(|_| fastrand::alphanumeric()).collect();
        let Outcome::Succeeded { result, next, events, .. } = succeeded("1") else { panic!("it succeeds") };
        let metadata = Some(Box::new(noise.into()));
        bench.report(lease(&claimed), Outcome::Succeeded { result, next, events, metadata }).await;
    }
    let (mut seen, mut pages) = (0, 0);
    loop {
        let batches = bench.store.events(task_id, seen, 1_000).await.unwrap();
        let events: Vec<_> = batches.into_iter().flat_map(EventBatch::events).filter(|it| it.seq > seen).collect();
        let Some(last) = events.last() else { break };
        assert_eq!(events[0].seq, seen + 1);
        (seen, pages) = (last.seq, pages + 1);
    }
    assert_eq!((seen, pages), (bench.task(task_id).await.seq, 3), "17 commits go over the bound");
    let (mut cursor, mut followed) = (EventCursor::START, Vec::new());
    loop {
        let page = bench.store.all_events(cursor, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        followed.push(page.len());
    }
    assert_eq!((i64::try_from(followed.iter().sum::<usize>()).unwrap(), followed.len()), (seen, 3));
    // Also from within a commit.
    let mut cursors = vec![EventCursor::START];
    while let Some(next) = bench.store.all_events(*cursors.last().unwrap(), 16).await.unwrap().first() {
        cursors.push(next.cursor);
    }
    assert_eq!(i64::try_from(cursors.len() - 1).unwrap(), seen);
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
