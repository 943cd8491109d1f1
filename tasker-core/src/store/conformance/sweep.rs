use std::{sync::Arc, time::Duration};

use super::bench::{Bench, lease, new_task, report_of, succeeded};
use crate::{
    model::{Actor, Checkpoint, Json, Lease, Outcome, StepState, TaskId, TaskState, Verdict, limits},
    state::{Claim, Claimed, Input, Verb},
    store::{PayloadRequest, Store, Work},
};

/// A claim whose leases have ended when they begin.
async fn claim_and_vanish(bench: &Bench, want: usize) -> Vec<Claimed> {
    let claim = Claim { lease: Duration::ZERO, ..bench.claim_of(&["handle"], want) };
    bench.transact(&[], Some(&claim)).await.claimed
}

pub(super) async fn a_lost_lease_goes_back(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let task_id = bench.submit(&definition).await;
    let lost = claim_and_vanish(&bench, 1).await;
    bench.sweep().await;
    let step = &bench.steps(task_id).await[0];
    assert_eq!((step.state, step.attempt, step.losses, step.failures), (StepState::Enqueued, 1, 1, 0));
    let claimed = bench.claim(&["handle"], 1).await;
    assert_eq!(bench.report(lease(&lost[0]), succeeded("1")).await, Verdict::StaleLease);
    assert_eq!(bench.sweep().await.steps, [], "a lease that has not ended is left alone");
    assert_eq!(bench.report(lease(&claimed[0]), Outcome::Released).await, Verdict::Accepted);
    let step = &bench.steps(task_id).await[0];
    assert_eq!((step.state, step.attempt, step.losses), (StepState::Enqueued, 2, 1));
    bench.audit(task_id).await;
}

pub(super) async fn lost_too_often_is_an_error(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let task_id = bench.submit(&definition).await;
    for _ in 0..limits::LOSSES {
        assert_eq!(claim_and_vanish(&bench, 1).await.len(), 1);
        bench.sweep().await;
    }
    assert_eq!(bench.states(task_id).await, [StepState::Error, StepState::Cancelled]);
    let step = &bench.steps(task_id).await[0];
    assert_eq!(step.error.as_ref().map(|error| error.code.as_str()), Some("worker_lost"));
    assert_eq!((step.losses, step.failures), (limits::LOSSES, 0));
    assert_eq!(bench.task(task_id).await.state, TaskState::Error);
    bench.audit(task_id).await;
}

pub(super) async fn a_deadline_ends_the_task(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b:a").await;
    let mut late = new_task(&definition);
    late.deadline_ms = Some(0);
    let mut patient = new_task(&definition);
    patient.deadline_ms = Some(3_600_000);
    bench.store.insert_tasks(&[late.clone(), patient.clone()]).await.unwrap();
    let due = bench.store.due(10).await.unwrap();
    assert_eq!(due.tasks, [late.task_id]);
    assert_eq!(due.next_at, bench.task(patient.task_id).await.deadline_at);
    let claimed = bench.claim(&["handle"], 1).await;
    bench.sweep().await;
    let task = bench.task(late.task_id).await;
    assert_eq!((task.state, task.deadline_at), (TaskState::Error, None));
    assert_eq!(task.error.map(|error| error.code), Some("deadline_exceeded".to_owned()));
    assert_eq!(bench.states(late.task_id).await, [StepState::Cancelled, StepState::Cancelled]);
    assert_eq!(bench.report(lease(&claimed[0]), succeeded("1")).await, Verdict::TaskCancelled);
    assert_eq!(bench.store.due(10).await.unwrap().tasks, []);
    assert_eq!(bench.task(patient.task_id).await.state, TaskState::Pending);
    bench.audit(late.task_id).await;
}

pub(super) async fn cancelling_stops_running_steps(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c:a").await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 2).await;
    let cancel = Input::Operate { task_id, verb: Verb::Cancel, actor: Actor::named("ann").because("wrong order") };
    // A report in the same call, before the cancellation, still counts.
    bench.transact(&[report_of(&claimed[0], succeeded("1")), cancel], None).await;
    assert_eq!(bench.states(task_id).await, [StepState::Complete, StepState::Cancelled, StepState::Cancelled]);
    assert_eq!(bench.task(task_id).await.state, TaskState::Cancelled);
    assert_eq!(bench.report(lease(&claimed[1]), succeeded("2")).await, Verdict::TaskCancelled);
    assert!(bench.steps(task_id).await[1].result.is_none());
    assert_eq!(bench.claim(&["handle"], 9).await, []);
    bench.audit(task_id).await;
}

pub(super) async fn leases_extend_while_held(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c").await;
    let task_id = bench.submit(&definition).await;
    let claimed = claim_and_vanish(&bench, 2).await;
    let held = lease(&claimed[0]);
    let done = lease(&claimed[1]);
    bench.report(done, succeeded("1")).await;
    let unknown = Lease { task_id: TaskId::new(), ..held };
    let never = Lease { step_idx: 2, attempt: 0, ..held };
    let leases = [done, Lease { attempt: 9, ..held }, held, unknown, never];
    let extended = bench.store.extend_leases(&leases, 60_000).await.unwrap();
    let until = extended[2].unwrap();
    assert_eq!(extended, [None, None, Some(until), None, None]);
    assert_eq!(bench.steps(task_id).await[0].due_at, Some(until));
    assert!(until.since(bench.task(task_id).await.created_at) >= Duration::from_secs(60));
    assert_eq!(bench.store.due(10).await.unwrap().steps, []);
    assert_eq!(bench.store.extend_leases(&[], 60_000).await.unwrap(), []);
    bench.store.extend_leases(&[held], 0).await.unwrap();
    assert_eq!(bench.store.due(10).await.unwrap().steps, [held.step_id()]);
}

pub(super) async fn checkpoints_are_stored_while_held(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b").await;
    let task_id = bench.submit(&definition).await;
    let claimed = claim_and_vanish(&bench, 2).await;
    let (held, lost) = (lease(&claimed[0]), Lease { attempt: 9, ..lease(&claimed[1]) });
    let checkpoint = |cursor: &str, gathered: Option<&str>| Checkpoint {
        cursor: Json::parse(cursor.to_owned()).unwrap(),
        accumulated_results: gathered.map(|text| Json::parse(text.to_owned()).unwrap()),
        items_processed: 7,
    };
    let first = checkpoint("{\"page\": 1.10}", None);
    let stored = bench.store.put_checkpoints(&[(held, first), (lost, checkpoint("1", None))], 60_000).await.unwrap();
    assert_eq!(stored, [bench.steps(task_id).await[0].due_at, None]);
    let last = checkpoint("{\"page\": 2.10}", Some("[1, 2]"));
    bench.store.put_checkpoints(&[(held, last.clone())], 0).await.unwrap();
    assert_eq!(bench.store.due(10).await.unwrap().steps.len(), 2);
    let request = PayloadRequest { work: vec![0, 1], ..PayloadRequest::new(task_id) };
    let answer = bench.store.payloads(&[request]).await.unwrap().remove(0);
    // It is there whatever becomes of the attempt.
    assert_eq!(answer.work, [(0, Work { part: None, checkpoint: Some(last) })]);
    assert_eq!(bench.store.put_checkpoints(&[], 60_000).await.unwrap(), []);
}

pub(super) async fn what_is_due_comes_in_portions(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a b c").await;
    let due = bench.store.due(10).await.unwrap();
    assert_eq!((due.steps, due.tasks, due.next_at), (vec![], vec![], None));
    bench.submit(&definition).await;
    claim_and_vanish(&bench, 2).await;
    let long = bench.claim(&["handle"], 1).await;
    let first = bench.store.due(1).await.unwrap();
    assert_eq!(first.steps.len(), 1);
    assert!(first.next_at.unwrap() <= bench.store.now().await.unwrap(), "the rest is due at once");
    let all = bench.store.due(10).await.unwrap();
    assert_eq!((all.steps.len(), all.next_at), (2, Some(long[0].lease_until)));
}
