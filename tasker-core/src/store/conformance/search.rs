use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::bench::{Bench, QUEUE, cancel_of, failed, lease, new_task, operate, succeeded, template};
use crate::{
    model::{StepError, TaskId, TaskState, Timestamp},
    state::Verb,
    store::{Store, TaskCursor, TaskFilter, TimeRange},
};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A filter for each thing that a search may be by, and which of the five tasks of [`each_condition_alone`] pass it.
fn conditions(at: Timestamp) -> Vec<(&'static [usize], TaskFilter)> {
    let all = TaskFilter::default;
    let later = Some(at + Duration::from_secs(3600));
    let range = |from, before| TimeRange { from, before };
    vec![
        (&[4, 3, 2, 1, 0], all()),
        (&[4], TaskFilter { name: some("refund"), ..all() }),
        (&[3, 2, 1, 0], TaskFilter { namespace: some(QUEUE), name: some("order"), ..all() }),
        (&[], TaskFilter { namespace: some("other"), ..all() }),
        (&[], TaskFilter { version: some("2.0.0"), ..all() }),
        (&[1, 0], TaskFilter { tag: some("new"), ..all() }),
        (&[0], TaskFilter { tag: some("with \"quotes\", {braces}"), ..all() }),
        (&[2], TaskFilter { correlation_id: some("c"), ..all() }),
        (&[3], TaskFilter { parent_correlation_id: some("c"), ..all() }),
        (&[3], TaskFilter { initiator: some("ann"), ..all() }),
        (&[4], TaskFilter { source_system: some("web"), ..all() }),
        (&[2], TaskFilter { priority: Some(-7), ..all() }),
        (&[4, 3, 2, 1, 0], TaskFilter { created: range(Some(at), later), ..all() }),
        (&[], TaskFilter { created: range(later, None), ..all() }),
        (&[], TaskFilter { updated: range(None, Some(at)), ..all() }),
        (&[3, 1, 0], TaskFilter { completed: range(Some(at), later), ..all() }),
        (&[1], TaskFilter { states: vec![TaskState::Error], ..all() }),
        (&[3, 1], TaskFilter { states: vec![TaskState::Error, TaskState::Cancelled], ..all() }),
        (&[4], TaskFilter { states: vec![TaskState::Paused], ..all() }),
        (&[2], TaskFilter { states: vec![TaskState::Pending, TaskState::InProgress], ..all() }),
        (&[0], TaskFilter { states: vec![TaskState::Complete], ..all() }),
        (&[2, 0], TaskFilter { states: vec![TaskState::Complete, TaskState::Pending], ..all() }),
        (&[0], TaskFilter { tag: some("new"), states: vec![TaskState::Complete], name: some("order"), ..all() }),
    ]
}

pub(super) async fn each_condition_alone(store: Arc<dyn Store>) {
    let (mut bench, order) = Bench::with(store, "a").await;
    let refund = bench.register(&template("refund", "a")).await;
    let at = bench.store.now().await.unwrap();
    // Ids are searched by as the times that they hold, and the store's clock may be turned by hand.
    let id = |number: u128| {
        Uuid::from_u128((u128::try_from(at.as_micros()).unwrap() / 1_000) << 80 | 7 << 76 | 2 << 62 | number)
    };
    let mut tasks = [&order, &order, &order, &order, &refund].map(|definition| new_task(definition));
    tasks[0].submission.tags = vec!["new".to_owned(), "with \"quotes\", {braces}".to_owned(), "new".to_owned()];
    tasks[1].submission.tags = vec!["new".to_owned()];
    tasks[2].submission.correlation_id = some("c");
    tasks[2].submission.priority = -7;
    tasks[3].submission.parent_correlation_id = some("c");
    tasks[3].submission.initiator = some("ann");
    tasks[4].submission.source_system = some("web");
    for (number, task) in (1..).zip(&mut tasks) {
        task.task_id = TaskId(id(number));
    }
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.task_id).collect();
    bench.store.insert_tasks(&tasks).await.unwrap();
    let claimed = bench.claim(&["handle"], 2).await;
    bench.report(lease(&claimed[0]), succeeded("1")).await;
    bench.report(lease(&claimed[1]), failed(StepError::permanent("broken", "for good"))).await;
    bench.transact(&[cancel_of(ids[3]), operate(ids[4], Verb::Pause)], None).await;

    for (expected, filter) in conditions(at) {
        let expected: Vec<_> = expected.iter().map(|at| ids[*at]).collect();
        let page = bench.store.tasks(&filter, 10).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|task| task.task_id).collect();
        assert_eq!((found, page.next), (expected.clone(), None), "{filter:?}");
        assert_eq!(bench.store.task_ids(&filter, 10).await.unwrap().items, expected, "{filter:?}");
        assert_eq!(bench.store.count_tasks(&filter, 100).await.unwrap(), expected.len() as u64, "{filter:?}");
        let mut paged = Vec::new();
        let mut after: Option<TaskCursor> = None;
        loop {
            let page = bench.store.task_ids(&TaskFilter { after, ..filter.clone() }, 1).await.unwrap();
            paged.extend(page.items);
            let Some(next) = page.next else { break };
            after = Some(next.parse().unwrap());
        }
        assert_eq!(paged, expected, "{filter:?}, a task a page");
    }
    assert_eq!(bench.store.count_tasks(&TaskFilter::default(), 3).await.unwrap(), 3);
}
