use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::bench::{Bench, lease, operate, succeeded};
use crate::{
    model::{TaskId, Timestamp},
    state::Verb,
    store::{EventCursor, RelayPlace, Store},
};

/// A time after all that happens here.
async fn later(bench: &Bench) -> Timestamp {
    bench.store.now().await.unwrap() + Duration::from_secs(3_600)
}

async fn finish(bench: &Bench) {
    for claimed in bench.claim(&["handle"], 100).await {
        bench.report(lease(&claimed), succeeded("1")).await;
    }
}

pub(super) async fn only_what_has_ended_is_removed_with_all_that_belongs_to_it(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let ended = [bench.submit(&definition).await, bench.submit(&definition).await];
    finish(&bench).await;
    let open = bench.submit(&definition).await;
    let before = later(&bench).await;
    let start = TaskId(Uuid::nil());
    assert_eq!(bench.store.retired(before, start, 10).await.unwrap(), ended);
    assert_eq!(bench.store.retired(before, start, 1).await.unwrap(), ended[..1]);
    assert_eq!(bench.store.retired(before, ended[0], 10).await.unwrap(), ended[1..]);
    let long_ago = Timestamp::from_micros(before.as_micros() - 7_200_000_000);
    assert_eq!(bench.store.retired(long_ago, start, 10).await.unwrap(), []);

    let gone = bench.store.remove_tasks(&[ended[0], open], before).await.unwrap();
    assert_eq!(gone, ended[..1], "what goes on stays, also when it is named");
    assert!(bench.store.task(ended[0]).await.unwrap().is_none());
    assert!(bench.store.steps(ended[0]).await.unwrap().is_empty());
    assert!(bench.store.events(ended[0], 0, 10).await.unwrap().is_empty());
    for task_id in [ended[1], open] {
        assert!(bench.store.task(task_id).await.unwrap().is_some());
        assert!(!bench.store.steps(task_id).await.unwrap().is_empty());
        assert!(!bench.store.events(task_id, 0, 10).await.unwrap().is_empty());
    }
    assert_eq!(bench.store.remove_tasks(&ended[1..], long_ago).await.unwrap(), [], "it has not been kept long enough");
}

/// SQLite estimates from the numbers of its rows, in which what was removed leaves gaps.
pub(super) async fn what_was_removed_is_not_counted(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let open = bench.submit(&definition).await;
    let mut ended = Vec::new();
    for _ in 0..120 {
        ended.push(bench.submit(&definition).await);
    }
    let all: Vec<_> = ended.iter().map(|task_id| operate(*task_id, Verb::Resolve)).collect();
    bench.transact(&all, None).await;
    bench.submit(&definition).await;
    let before = later(&bench).await;
    assert_eq!(bench.store.remove_tasks(&ended, before).await.unwrap().len(), ended.len());
    assert!(bench.store.task(open).await.unwrap().is_some());
    let counts = bench.store.counts(10, 1).await.unwrap();
    assert!(counts.is_estimated);
    assert!(counts.tasks.get("complete").is_none_or(|complete| *complete < 60), "{counts:?}");
}

pub(super) async fn what_a_receiver_has_not_got_stays(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let ended = [bench.submit(&definition).await, bench.submit(&definition).await];
    finish(&bench).await;
    bench.submit(&definition).await;
    let (before, start, holder) = (later(&bench).await, TaskId(Uuid::nil()), Uuid::now_v7());
    bench.store.hold_relay("receiver", holder, 60_000).await.unwrap();
    assert_eq!(bench.store.retired(before, start, 10).await.unwrap(), []);
    let all = bench.store.all_events(EventCursor::START, 100).await.unwrap();
    let last = |task_id| all.iter().rfind(|it| it.event.task_id == task_id).unwrap().cursor;
    let mut in_order = ended;
    in_order.sort_by_key(|task_id| last(*task_id));
    let place = RelayPlace { cursor: last(in_order[0]), receipt: None };
    assert!(bench.store.move_relay("receiver", holder, &place, 60_000).await.unwrap());
    assert_eq!(bench.store.retired(before, start, 10).await.unwrap(), in_order[..1], "all of it has arrived");
    bench.store.forget_relay("receiver").await.unwrap();
    bench.store.hold_relay("spans", holder, 60_000).await.unwrap();
    assert_eq!(bench.store.retired(before, start, 10).await.unwrap(), ended, "spans hold nothing back");
}
