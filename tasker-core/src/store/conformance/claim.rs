use std::{sync::Arc, time::Duration};

use super::bench::{Bench, QUEUE, cancel_of, ids, lease, new_task, report_of, succeeded, template};
use crate::{
    model::{StepId, StepState, TaskState, Verdict},
    state::{Changes, Decision, Look, Route, Scope, TaskChange},
    store::Store,
};

pub(super) async fn urgent_first_then_old(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b").await;
    let tasks = [0, 5, -5, 5].map(|priority| {
        let mut task = new_task(&definition);
        task.submission.priority = priority;
        task
    });
    // Stored in another order than they were made in.
    bench.store.insert_tasks(&tasks[2..]).await.unwrap();
    bench.store.insert_tasks(&tasks[..2]).await.unwrap();
    let step = |task: usize, idx| StepId::new(tasks[task].task_id, idx);
    assert_eq!(ids(&bench.claim(&["handle"], 3).await), [step(1, 0), step(1, 1), step(3, 0)]);
    assert_eq!(ids(&bench.claim(&["handle"], 3).await), [step(3, 1), step(0, 0), step(0, 1)]);
    assert_eq!(ids(&bench.claim(&["handle"], 3).await), [step(2, 0), step(2, 1)]);
    assert_eq!(ids(&bench.claim(&["handle"], 3).await), []);
    for task in &tasks {
        bench.audit(task.task_id).await;
    }
}

pub(super) async fn only_served_routes(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let mut shape = template("order", "a b c");
    for (step, handler) in shape.steps.iter_mut().zip(["first", "second", "third"]) {
        step.handler.callable = handler.to_owned();
    }
    let definition = bench.register(&shape).await;
    let task_id = bench.submit(&definition).await;
    let mut claim = bench.claim_of(&["first", "third", "unheard of"], 10);
    let elsewhere = Route { queue: "elsewhere".into(), handler: "second".into() };
    claim.routes = Arc::new(claim.routes.iter().cloned().chain([elsewhere]).collect());
    let claimed = bench.transact(&[], Some(&claim)).await.claimed;
    assert_eq!(ids(&claimed), [StepId::new(task_id, 0), StepId::new(task_id, 2)]);
    assert_eq!(bench.claim(&[], 10).await, []);
    assert_eq!(ids(&bench.claim(&["second"], 10).await), [StepId::new(task_id, 1)]);
}

pub(super) async fn at_most_what_is_wanted(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let tasks: Vec<_> = (0..7).map(|_| new_task(&definition)).collect();
    bench.store.insert_tasks(&tasks).await.unwrap();
    assert_eq!(bench.claim(&["handle"], 0).await, []);
    let claimed = bench.claim(&["handle"], 3).await;
    assert_eq!(claimed.len(), 3);
    let step = &bench.steps(claimed[0].id.task_id).await[0];
    assert_eq!((step.state, step.attempt, step.due_at), (StepState::InProgress, 1, Some(claimed[0].lease_until)));
    assert_eq!(claimed[0].lease_until.since(step.started_at.unwrap()), Duration::from_secs(3600));
    assert_eq!(bench.task(claimed[0].id.task_id).await.state, TaskState::InProgress);
    let nowhere = crate::state::Claim { look: Look::Nowhere, ..bench.claim_of(&["handle"], 3) };
    assert_eq!(bench.transact(&[], Some(&nowhere)).await.claimed, []);
    assert_eq!(bench.claim(&["handle"], 10).await.len(), 4);
}

pub(super) async fn stopped_tasks_are_left_alone(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b").await;
    let [cancelled, paused, free] =
        [bench.submit(&definition).await, bench.submit(&definition).await, bench.submit(&definition).await];
    bench.transact(&[cancel_of(cancelled)], None).await;
    let before = bench.task(paused).await;
    let scope = [Scope::of(paused, Vec::new())];
    let pause = |_: &_| {
        let task = TaskChange {
            task_id: paused,
            template: definition.key.clone(),
            state: TaskState::Paused,
            counts: before.counts,
            seq: before.seq,
            deadline_at: None,
            error: None,
            updated_at: before.updated_at,
            completed_at: None,
        };
        Decision::Done(Changes { tasks: vec![task], ..Changes::default() })
    };
    bench.store.transact(&scope, None, &pause).await.unwrap();
    // The paused task is the oldest: it must not use up what is wanted.
    assert_eq!(ids(&bench.claim(&["handle"], 1).await), [StepId::new(free, 0)]);
    assert_eq!(ids(&bench.claim(&["handle"], 10).await), [StepId::new(free, 1)]);
}

pub(super) async fn candidates_join_what_became_ready(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a c").await;
    let (first, second) = (bench.submit(&definition).await, bench.submit(&definition).await);
    let claimed = bench.claim(&["handle"], 1).await;
    let claim = crate::state::Claim { look: Look::Always, ..bench.claim_of(&["handle"], 10) };
    let changes = bench.transact(&[report_of(&claimed[0], succeeded("1"))], Some(&claim)).await;
    assert_eq!(changes.verdicts, [Verdict::Accepted]);
    // `b` became ready in this transaction; `c` of the same task and the other task's steps were in the queue.
    let expected = [(first, 1), (first, 2), (second, 0), (second, 2)];
    assert_eq!(ids(&changes.claimed), expected.map(|(task_id, idx)| StepId::new(task_id, idx)));
    assert!(changes.claimed.iter().all(|claimed| lease(claimed).attempt == 1));
    assert_eq!(changes.enqueued.len(), 0);
    bench.audit(first).await;
    bench.audit(second).await;
    assert_eq!(bench.steps(first).await[0].queue, QUEUE);
}
