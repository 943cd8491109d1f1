use tasker_core::model::{ErrorKind, Json, Outcome};
use tasker_worker::runtime::Taken;
use tokio::time::{Duration, Instant};

use crate::fake::{Fake, LEASE, LONG, begin, next, success};

#[tokio::test(start_paused = true)]
async fn leases_are_extended_together_when_a_third_has_passed() {
    let (fake, runtime) = Fake::start(4).await;
    fake.enqueue(2);
    let began_at = Instant::now();
    let held = begin(&runtime, 2).await;
    assert_eq!(fake.extensions(1).await[0].len(), 2);
    assert_eq!(began_at.elapsed(), LEASE / 3);
    fake.extensions(2).await;
    assert_eq!(began_at.elapsed(), LEASE / 3 * 2);
    assert!(held.iter().all(|held| !held.cancellation().is_cancelled()));
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_cancels_its_handler_and_frees_the_slot_when_it_ends() {
    let (fake, runtime) = Fake::start(1).await;
    let lease = fake.enqueue(2)[0];
    let held = begin(&runtime, 1).await.remove(0);
    fake.lose(lease);
    assert!(matches!(runtime.poll(LONG).await, Some(Taken::Cancel(lost)) if lost == lease));
    assert!(held.cancellation().is_cancelled());
    assert_eq!((runtime.stats().running, runtime.stats().blocked), (0, 1));
    assert!(runtime.poll(LONG).await.is_none(), "the slot is given away while its handler runs");

    held.report(success());
    next(&runtime).await;
    assert!(fake.accepted(0).await.iter().all(|report| report.lease != lease), "the late outcome was reported");
}

#[tokio::test(start_paused = true)]
async fn attempts_that_may_have_been_taken_away_are_asked_for_at_once() {
    let (fake, runtime) = Fake::start(2).await;
    let leases = fake.enqueue(2);
    let held = begin(&runtime, 2).await;
    let began_at = Instant::now();
    fake.lose(leases[0]);
    fake.tell(|told| told.revoked.add([leases[0].task_id]));
    assert!(matches!(runtime.poll(LONG).await, Some(Taken::Cancel(lost)) if lost == leases[0]));
    assert_eq!(began_at.elapsed(), Duration::ZERO);
    assert!(fake.extensions(1).await[0].contains(&leases[0]));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_before_anyone_took_it_is_forgotten() {
    let (fake, runtime) = Fake::start(2).await;
    let leases = fake.enqueue(2);
    let held = begin(&runtime, 1).await.remove(0);
    let untaken = leases.into_iter().find(|lease| *lease != held.lease()).unwrap();
    fake.lose(untaken);
    fake.extensions(1).await;
    let fresh = fake.enqueue(1)[0];
    assert_eq!(next(&runtime).await.lease(), fresh);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_runs_out_of_time_has_failed_and_blocks_its_slot() {
    let limit = Duration::from_secs(7);
    let (fake, runtime) = Fake::start(1).await;
    let lease = fake.enqueue_with(1, Some(limit))[0];
    let waited = next(&runtime).await;
    // The clock of an attempt starts with its handler.
    assert!(runtime.poll(limit * 2).await.is_none());
    let mut held = waited;
    held.begin();
    let began_at = Instant::now();

    let accepted = fake.accepted(1).await;
    assert_eq!(began_at.elapsed(), limit);
    assert_eq!(accepted[0].lease, lease);
    let Outcome::Failed { error, .. } = &accepted[0].outcome else { panic!("{accepted:?} is no failure") };
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Timeout, "step_timeout"));
    assert!(held.cancellation().is_cancelled());
    assert!(matches!(runtime.poll(LONG).await, Some(Taken::Cancel(_))));

    fake.enqueue(1);
    assert!(runtime.poll(LONG).await.is_none());
    assert_eq!((runtime.stats().running, runtime.stats().blocked), (0, 1));
    held.report(success());
    let after = next(&runtime).await.lease();
    let outcomes = fake.accepted(2).await;
    assert_eq!(outcomes.iter().map(|report| report.lease).collect::<Vec<_>>(), [lease, after]);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_timeout_is_not_missed_behind_a_longer_one() {
    let (fake, runtime) = Fake::start(2).await;
    fake.enqueue_with(1, Some(Duration::from_secs(50)));
    let long = begin(&runtime, 1).await.remove(0);
    let short = fake.enqueue_with(1, Some(Duration::from_secs(2)))[0];
    let held = begin(&runtime, 1).await.remove(0);
    let began_at = Instant::now();
    assert_eq!(fake.accepted(1).await[0].lease, short);
    assert_eq!(began_at.elapsed(), Duration::from_secs(2));
    assert!(!long.cancellation().is_cancelled());
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_extends_the_lease_and_tells_of_its_loss() {
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue(1);
    let held = begin(&runtime, 1).await.remove(0);
    let progress = Json::from(&serde_json::json!({"rows": 5}));
    assert!(runtime.poll(Duration::from_secs(2)).await.is_none());
    assert!(runtime.heartbeat(held.lease(), Some(progress.clone())));
    let beaten_at = Instant::now();
    fake.extensions(1).await;
    assert_eq!(beaten_at.elapsed(), Duration::ZERO);
    assert_eq!(runtime.progress(held.lease()), Some(progress));

    fake.lose(held.lease());
    held.cancellation().cancelled().await;
    assert!(!runtime.heartbeat(held.lease(), None));
}

#[tokio::test(start_paused = true)]
async fn the_worker_says_every_half_a_minute_that_it_is_there() {
    let (fake, _runtime) = Fake::start(1).await;
    let began_at = Instant::now();
    fake.joins(3).await;
    assert_eq!(began_at.elapsed(), Duration::from_secs(60));
}
