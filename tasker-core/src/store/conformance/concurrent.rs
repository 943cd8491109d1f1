use std::{
    collections::HashSet,
    pin::pin,
    sync::{Arc, Mutex},
};

use futures::{
    future::{join, join_all},
    poll,
};

use super::bench::{Bench, cancel_of, lease, new_task, report_of, succeeded, with_key};
use crate::{
    model::{StepState, TaskId, TaskState, Timestamp},
    state::{Changes, Decision, Scope, Snapshot, StepChange, TaskSnapshot, decide, scope},
    store::{Inserted, Store, Transacted},
};

pub(super) async fn many_reporters_join_once(store: Arc<dyn Store>) {
    const WIDTH: usize = 200;
    let branches: Vec<_> = (0..WIDTH).map(|at| format!("b{at}")).collect();
    let shape = format!("{} join:{}", branches.join(" "), branches.join(","));
    let (bench, definition) = Bench::with(store, &shape).await;
    let task_id = bench.submit(&definition).await;
    let bench = Arc::new(bench);
    let reporters = (0..8).map(|_| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let claim = bench.claim_of(&["handle"], 3);
            let mut taken = bench.claim(&["handle"], 3).await;
            let mut joins = 0;
            while !taken.is_empty() {
                joins += taken.iter().filter(|claimed| claimed.id.idx as usize == WIDTH).count();
                let inputs: Vec<_> = taken.iter().map(|claimed| report_of(claimed, succeeded("1"))).collect();
                taken = bench.transact(&inputs, Some(&claim)).await.claimed;
            }
            joins
        })
    });
    let joins: usize = join_all(reporters).await.into_iter().map(Result::unwrap).sum();
    let mut left_over = bench.claim(&["handle"], 1).await;
    let joins = joins + left_over.len();
    if let Some(claimed) = left_over.pop() {
        bench.report(lease(&claimed), succeeded("1")).await;
    }
    assert_eq!(joins, 1);
    assert_eq!(bench.task(task_id).await.state, TaskState::Complete);
    assert!(bench.steps(task_id).await.iter().all(|step| step.attempt == 1 && step.unmet == 0));
    bench.audit(task_id).await;
}

pub(super) async fn a_step_is_handed_out_once(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b").await;
    let tasks: Vec<_> = (0..50).map(|_| new_task(&definition)).collect();
    bench.store.insert_tasks(&tasks).await.unwrap();
    let mut taken = HashSet::new();
    while taken.len() < 100 {
        // What is locked by another claim is passed over, so that one round need not find everything.
        let rounds = join_all((0..8).map(|_| bench.claim(&["handle"], 7))).await;
        for claimed in rounds.into_iter().flatten() {
            assert!(taken.insert(claimed.id), "{} was handed out twice", claimed.id);
        }
    }
    for task in &tasks {
        bench.audit(task.task_id).await;
    }
}

pub(super) async fn a_key_is_taken_once(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    for round in 0..10 {
        let key = format!("k{round}");
        let [mine, yours] = [with_key(&definition, &key), with_key(&definition, &key)];
        let tasks = ([mine.clone(), new_task(&definition)], [new_task(&definition), yours.clone()]);
        let (first, second) = join(bench.store.insert_tasks(&tasks.0), bench.store.insert_tasks(&tasks.1)).await;
        let (first, second) = (first.unwrap()[0], second.unwrap()[1]);
        assert_eq!(first.task_id(), second.task_id());
        assert_eq!(matches!(first, Inserted::Created(_)), matches!(second, Inserted::Existing(_)));
        assert_eq!(bench.store.task(mine.task_id).await.unwrap().is_some(), first.task_id() == mine.task_id);
        assert_eq!(bench.store.task(yours.task_id).await.unwrap().is_some(), first.task_id() == yours.task_id);
    }
}

pub(super) async fn nothing_is_written_without_templates(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    let inputs = [report_of(&claimed[0], succeeded("1"))];
    let claim = bench.claim_of(&["handle"], 1);
    let nothing = std::collections::HashMap::new();
    let decision = |snapshot: &_| decide(snapshot, &inputs, Some(&claim), &nothing);
    let answer = bench.store.transact(&scope(&inputs), Some(&claim), &decision).await.unwrap();
    assert!(matches!(answer, Transacted::NeedsTemplates(keys) if keys == [definition.key.clone()]));
    assert_eq!(bench.states(task_id).await, [StepState::InProgress, StepState::Pending]);
    assert_eq!(bench.transact(&inputs, Some(&claim)).await.claimed.len(), 1);
    bench.audit(task_id).await;
}

pub(super) async fn what_is_known_of_a_task_counts_while_it_stands_there(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let new = new_task(&definition);
    let mut known = TaskSnapshot::of_new(&new);
    known.steps[0].name = "known".into();
    let (task_id, other, gone) = (bench.insert(new).await, bench.submit(&definition).await, TaskId::new());
    let mut scope: Vec<_> = [task_id, other, gone].map(|task_id| Scope::of(task_id, vec![0])).into();
    scope[0].known = Some(Arc::new(known.clone()));
    scope[2].known = Some(Arc::new(TaskSnapshot { task_id: gone, ..known }));
    let seen = async || {
        let seen = Mutex::new(Vec::new());
        let look = |snapshot: &Snapshot| {
            let first = |task: &TaskSnapshot| (task.task_id, task.steps[0].name.to_string(), task.steps[0].state);
            *seen.lock().unwrap() = snapshot.tasks.iter().map(first).collect();
            Decision::Done(Changes::default())
        };
        bench.store.transact(&scope, None, &look).await.unwrap();
        seen.into_inner().unwrap()
    };
    let entry = |task_id, name: &str, state| (task_id, name.to_owned(), state);
    let unread = [entry(task_id, "known", StepState::Enqueued), entry(other, "a", StepState::Enqueued)];
    assert_eq!(seen().await, unread);
    assert_eq!(bench.claim(&["handle"], 2).await.len(), 2);
    let read = [entry(task_id, "a", StepState::InProgress), entry(other, "a", StepState::InProgress)];
    assert_eq!(seen().await, read);
}

pub(super) async fn a_refused_decision_writes_nothing(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let task_id = bench.submit(&definition).await;
    let inputs = [cancel_of(task_id)];
    // A step that runs without a worker is against a constraint; the task and the events come with it.
    let decision = |snapshot: &_| match decide(snapshot, &inputs, None, &bench.definitions) {
        Decision::Done(mut changes) => {
            changes.steps = changes.steps.into_iter().map(break_step).collect();
            Decision::Done(changes)
        }
        other => other,
    };
    assert!(bench.store.transact(&scope(&inputs), None, &decision).await.is_err());
    let never_content = |_: &_| Decision::NeedsWhole(vec![task_id]);
    assert!(bench.store.transact(&scope(&inputs), None, &never_content).await.is_err());
    assert_eq!(bench.task(task_id).await.state, TaskState::Pending);
    bench.audit(task_id).await;
    assert_eq!(bench.claim(&["handle"], 1).await.len(), 1);
}

fn break_step(step: StepChange) -> StepChange {
    StepChange {
        state: StepState::InProgress,
        worker_id: None,
        due_at: Some(Timestamp::from_micros(1)),
        ended_at: None,
        ..step
    }
}

pub(super) async fn a_dropped_call_leaves_the_store_usable(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let mut tasks = Vec::new();
    for polls in (0..14).map(|power| 1 << power) {
        let task_id = bench.submit(&definition).await;
        tasks.push(task_id);
        let inputs = [cancel_of(task_id)];
        let mut call = pin!(bench.transact(&inputs, None));
        for _ in 0..polls {
            if poll!(&mut call).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    for task_id in tasks {
        // Either all of it happened or nothing, and both can be built on.
        let is_cancelled = bench.task(task_id).await.state == TaskState::Cancelled;
        let states = bench.states(task_id).await;
        let expected = if is_cancelled { [StepState::Cancelled; 2] } else { [StepState::Enqueued, StepState::Pending] };
        assert_eq!(states, expected);
        let inputs = [cancel_of(task_id)];
        let Changes { ended, .. } = bench.transact(&inputs, None).await;
        assert_eq!(ended.is_empty(), is_cancelled);
        bench.audit(task_id).await;
    }
}
