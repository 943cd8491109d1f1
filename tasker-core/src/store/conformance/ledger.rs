use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::bench::{Bench, QUEUE, failed, lease, operate, succeeded};
use crate::{
    model::{Actor, StepError, Timestamp, WorkerId},
    state::Verb,
    store::{EventCursor, Store, StoredKey, WorkerRecord},
};

pub(super) async fn the_log_of_all_tasks_is_followed_without_a_gap(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let first = bench.submit(&definition).await;
    let middle = bench.store.end_of_events().await.unwrap();
    let second = bench.submit(&definition).await;
    for _ in 0..4 {
        let claimed = bench.claim(&["handle"], 1).await;
        bench.report(lease(&claimed[0]), succeeded("1")).await;
    }
    let expected: usize = bench.events(first).await.len() + bench.events(second).await.len();
    let all = bench.store.all_events(EventCursor::START, 1_000).await.unwrap();
    assert_eq!(all.len(), expected, "what is committed can be read at once");
    for task_id in [first, second] {
        let of_task: Vec<_> = all.iter().map(|it| it.event.clone()).filter(|event| event.task_id == task_id).collect();
        assert_eq!(of_task, bench.events(task_id).await, "in their order");
    }
    // From any event on, the rest follows.
    for (at, followed) in all.iter().enumerate() {
        let cursor: EventCursor = followed.cursor.to_string().parse().unwrap();
        assert_eq!(bench.store.all_events(cursor, 1_000).await.unwrap(), all[at + 1..]);
    }
    let later = bench.store.all_events(middle, 1_000).await.unwrap();
    assert!(later.iter().any(|it| it.event.task_id == second && it.event.seq == 1));
    let mut paged = Vec::new();
    let mut after = EventCursor::START;
    while let Some(last) = {
        let page = bench.store.all_events(after, 3).await.unwrap();
        paged.extend(page);
        paged.last().filter(|last| last.cursor != after).cloned()
    } {
        after = last.cursor;
    }
    assert_eq!(paged, all, "page by page");
}

pub(super) async fn workers_and_counts_tell_what_goes_on(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c:a").await;
    let now = bench.store.now().await.unwrap();
    let worker = WorkerRecord {
        worker_id: WorkerId::new(),
        host: "one".to_owned(),
        pid: 7,
        language: "rust".to_owned(),
        slots: 4,
        handlers: vec!["handle".to_owned()],
        queues: Vec::new(),
    };
    bench.store.put_worker(&worker, None).await.unwrap();
    bench.store.put_worker(&worker, Some(now)).await.unwrap();
    bench.store.put_worker(&worker, None).await.unwrap();
    let known = bench.store.known_workers(now, 10).await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((&known[0].record, known[0].worked_at), (&worker, Some(now)), "the last work is not forgotten");
    let later = now + Duration::from_secs(3600);
    assert!(bench.store.known_workers(later, 10).await.unwrap().is_empty());

    let tasks = [bench.submit(&definition).await, bench.submit(&definition).await];
    let claimed = bench.claim(&["handle"], 1).await;
    let counts = bench.store.counts(10, 100).await.unwrap();
    assert_eq!(counts.tasks, [("in_progress", 1), ("pending", 1)].into());
    assert_eq!((counts.running, counts.delayed, counts.queues.len()), (1, 0, 1));
    let queue = &counts.queues[0];
    assert_eq!(
        (queue.queue.as_str(), queue.handler.as_str(), queue.steps, queue.oldest),
        (QUEUE, "handle", 3, tasks[0])
    );
    let steps = bench.steps(tasks[1]).await;
    assert_eq!(bench.store.count_ahead(&steps[1], 0, 10).await.unwrap(), 2);
    assert_eq!(bench.store.count_ahead(&steps[1], 5, 10).await.unwrap(), 0, "urgent ones go first");
    let ended = bench.submit(&definition).await;
    bench.transact(&[operate(ended, Verb::Resolve)], None).await;
    let estimated = bench.store.counts(10, 1).await.unwrap();
    let rest = [("in_progress", 1), ("pending", 1), ("resolved_manually", 1)];
    let rest_is = |(state, count): &(&'static str, u64)| estimated.tasks.get(state) == Some(count);
    assert!(estimated.is_estimated && rest.iter().all(rest_is), "{estimated:?}");
    assert!(!bench.store.counts(10, 100).await.unwrap().is_estimated);
    let broken = StepError::retryable("broken", "once").with_retry_after(Duration::from_secs(3600));
    bench.report(lease(&claimed[0]), failed(broken)).await;
    let counts = bench.store.counts(10, 100).await.unwrap();
    assert_eq!((counts.running, counts.delayed), (0, 1));
}

pub(super) async fn a_sound_store_has_no_oddities(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c:a d:b,c").await;
    for _ in 0..3 {
        bench.submit(&definition).await;
    }
    let claimed = bench.claim(&["handle"], 2).await;
    bench.report(lease(&claimed[0]), succeeded("1")).await;
    bench.report(lease(&claimed[1]), failed(StepError::permanent("broken", "for good"))).await;
    assert_eq!(bench.store.oddities(100, 10).await.unwrap(), []);
}

pub(super) async fn keys_are_found_by_their_hash_until_they_are_revoked(store: Arc<dyn Store>) {
    let bench = Bench::new(store).await;
    let now = bench.store.now().await.unwrap();
    let key = |hash: u8, expires_at| StoredKey {
        id: Uuid::now_v7(),
        name: "deploy".to_owned(),
        prefix: "tsk_0123".to_owned(),
        hash: [hash; 32],
        permissions: "{\"verbs\":[\"read\"]}".to_owned(),
        created_at: now,
        created_by: Some("ann".to_owned()),
        created_because: Some("for the pipeline".to_owned()),
        expires_at,
        last_used_at: None,
        revoked_at: None,
        revoked_by: None,
        revoked_because: None,
    };
    let (first, second) = (key(1, None), key(2, Some(Timestamp::from_micros(now.as_micros() + 1_000_000))));
    bench.store.put_key(&first).await.unwrap();
    bench.store.put_key(&second).await.unwrap();
    assert!(bench.store.put_key(&key(1, None)).await.is_err(), "two keys with one secret");
    let found = bench.store.key_of_hash(&[2; 32]).await.unwrap().unwrap();
    assert_eq!(StoredKey { created_at: now, ..found }, second);
    assert_eq!(bench.store.key_of_hash(&[3; 32]).await.unwrap(), None);
    bench.store.touch_key(first.id).await.unwrap();
    assert!(bench.store.key_of_hash(&[1; 32]).await.unwrap().unwrap().last_used_at.is_some());
    assert!(bench.store.revoke_key(first.id, &Actor::named("bob").because("lost")).await.unwrap());
    assert!(!bench.store.revoke_key(first.id, &Actor::default()).await.unwrap(), "only once");
    let keys = bench.store.keys(10).await.unwrap();
    assert_eq!(keys.len(), 2);
    let revoked = keys.iter().find(|key| key.id == first.id).unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!((revoked.revoked_by.as_deref(), revoked.revoked_because.as_deref()), (Some("bob"), Some("lost")));
}
