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
        for window in [None, Some(2)] {
            let paged = page_through(bench.store.as_ref(), &TaskFilter { window, ..filter.clone() }).await;
            assert_eq!(paged, expected, "{filter:?}, a task a page");
        }
    }
    assert_eq!(bench.store.count_tasks(&TaskFilter::default(), 3).await.unwrap(), 3);
    let rare = TaskFilter { priority: Some(-7), version: some("1.0.0"), window: Some(0), ..TaskFilter::default() };
    assert_eq!(page_through(bench.store.as_ref(), &rare).await, [ids[2]]);
}

/// What comes on the pages, one task each.
async fn page_through(store: &dyn Store, filter: &TaskFilter) -> Vec<TaskId> {
    let mut paged = Vec::new();
    let mut after: Option<TaskCursor> = None;
    loop {
        let page = store.task_ids(&TaskFilter { after, ..filter.clone() }, 1).await.unwrap();
        assert!(page.items.len() <= 1, "{filter:?}");
        paged.extend(page.items);
        let Some(next) = page.next else { return paged };
        let next: TaskCursor = next.parse().unwrap();
        assert!(after.is_none_or(|after| next.0 < after.0), "{filter:?}: the pages go on");
        after = Some(next);
    }
}

/// A page looks through a bounded number of tasks, and says where to go on although it found nothing.
pub(super) async fn a_page_looks_through_a_part(store: Arc<dyn Store>) {
    let (bench, order) = Bench::with(store, "a").await;
    let mut tasks: Vec<_> = (0..10).map(|_| new_task(&order)).collect();
    tasks.sort_by_key(|task| task.task_id);
    tasks[0].submission.source_system = some("web");
    for task in &mut tasks {
        task.submission.initiator = some("ann");
    }
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.task_id).collect();
    bench.store.insert_tasks(&tasks).await.unwrap();
    let complete = vec![TaskState::Complete];
    let filter = TaskFilter { initiator: some("ann"), states: complete, window: Some(4), ..TaskFilter::default() };
    let page = bench.store.tasks(&filter, 10).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, Some(ids[5].to_string())), "five were looked at");
    // What leaves few tasks is gone by, and then there is no rest.
    let filter = TaskFilter { source_system: some("web"), ..filter };
    let page = bench.store.tasks(&filter, 10).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
    let open = vec![TaskState::Pending];
    let page = bench.store.tasks(&TaskFilter { states: open, ..filter }, 10).await.unwrap();
    assert_eq!((page.items.iter().map(|task| task.task_id).collect(), page.next), (vec![ids[0]], None));
}
