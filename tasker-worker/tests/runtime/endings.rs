use std::collections::HashMap;

use tasker_core::model::{Lease, Outcome, Report, StepError};
use tasker_worker::runtime::{Drained, Taken};
use tokio::time::{Duration, Instant};

use crate::fake::{Fake, LONG, begin, next, success};

fn by_lease(reports: Vec<Report>) -> HashMap<Lease, Outcome> {
    let count = reports.len();
    let outcomes: HashMap<_, _> = reports.into_iter().map(|report| (report.lease, report.outcome)).collect();
    assert_eq!(outcomes.len(), count, "an attempt was reported twice");
    outcomes
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_dropped_is_abandoned_or_released() {
    let (fake, runtime) = Fake::start(2).await;
    fake.enqueue(2);
    let begun = begin(&runtime, 1).await.remove(0);
    let fresh = next(&runtime).await;
    let (begun_lease, fresh_lease) = (begun.lease(), fresh.lease());
    drop(begun);
    drop(fresh);
    let outcomes = by_lease(fake.accepted(2).await);
    assert_eq!(outcomes[&begun_lease], Outcome::Abandoned);
    assert_eq!(outcomes[&fresh_lease], Outcome::Released);
    assert_eq!(runtime.stats().running + runtime.stats().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_taker_puts_back_is_given_to_the_next() {
    let (fake, runtime) = Fake::start(2).await;
    fake.enqueue(2);
    let first = next(&runtime).await;
    let lease = first.lease();
    first.put_back();
    assert_eq!(next(&runtime).await.lease(), lease);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_handed_over_is_reported_by_its_lease() {
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue(1);
    let assignment = next(&runtime).await.hand_over();
    assert_eq!(runtime.stats().running, 1);
    let report = Report { lease: assignment.lease, outcome: success() };
    runtime.report(report.clone());
    runtime.report(report.clone());
    assert_eq!(fake.accepted(1).await, [report]);
    assert_eq!(runtime.stats().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_loses_nothing() {
    let (fake, runtime) = Fake::start(4).await;
    let leases = fake.enqueue(4);
    let held = begin(&runtime, 2).await;
    let running: Vec<_> = held.iter().map(|held| held.lease()).collect();
    let shutdown = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.shutdown(Duration::from_secs(60)).await }
    });
    // What nobody has begun goes back while the handlers still run.
    assert!(fake.accepted(2).await.iter().all(|report| report.outcome == Outcome::Released));
    held.into_iter().for_each(|held| held.report(success()));
    assert_eq!(shutdown.await.unwrap(), Drained { abandoned: 0, undelivered: 0 });

    let outcomes = by_lease(fake.accepted(4).await);
    for lease in leases {
        let expected = if running.contains(&lease) { success() } else { Outcome::Released };
        assert_eq!(outcomes[&lease], expected);
    }
    for _ in 0..3 {
        assert!(matches!(runtime.poll(LONG).await, Some(Taken::End)));
    }
    assert!(matches!(runtime.poll_ready(8)[..], [Taken::End]));
}

#[tokio::test(start_paused = true)]
async fn steps_that_arrive_during_a_shutdown_go_back() {
    let (fake, runtime) = Fake::start(4).await;
    fake.hold();
    let poll = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.poll(LONG).await }
    });
    fake.enqueue(3);
    fake.call(0).await;
    let shutdown = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.shutdown(LONG).await }
    });
    tokio::task::yield_now().await;
    fake.let_go();
    assert!(fake.accepted(3).await.iter().all(|report| report.outcome == Outcome::Released));
    assert_eq!(shutdown.await.unwrap(), Drained::default());
    assert!(matches!(poll.await.unwrap(), Some(Taken::End)));
}

#[tokio::test(start_paused = true)]
async fn handlers_that_outlive_the_grace_are_told_and_then_given_up() {
    let (fake, runtime) = Fake::start(3).await;
    fake.enqueue(3);
    let mut held = begin(&runtime, 3).await;
    let (deaf, failing, succeeding) = (held.remove(0), held.remove(0), held.remove(0));
    let began_at = Instant::now();
    let shutdown = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.shutdown(Duration::from_secs(5)).await }
    });
    for _ in 0..3 {
        assert!(matches!(runtime.poll(LONG).await, Some(Taken::Cancel(_))));
    }
    assert_eq!(began_at.elapsed(), Duration::from_secs(5));
    assert!(deaf.cancellation().is_cancelled());
    let leases = [deaf.lease(), failing.lease(), succeeding.lease()];
    succeeding.report(success());
    // Its failure is the worker's doing: it must not cost the step one of its attempts.
    failing.report(Outcome::failed(StepError::retryable("interrupted", "told to stop")));

    assert_eq!(shutdown.await.unwrap(), Drained { abandoned: 1, undelivered: 0 });
    let outcomes = by_lease(fake.accepted(3).await);
    assert_eq!(leases.map(|lease| outcomes[&lease].clone()), [Outcome::Abandoned, Outcome::Abandoned, success()]);
    deaf.report(success());
    assert_eq!(fake.accepted(3).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_although_the_coordinator_is_down() {
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue(1);
    let held = begin(&runtime, 1).await.remove(0);
    fake.set_down(true);
    held.report(success());
    assert_eq!(runtime.shutdown(LONG).await, Drained { abandoned: 0, undelivered: 1 });
    // The second call has nothing more to do.
    assert_eq!(runtime.shutdown(LONG).await, Drained { abandoned: 0, undelivered: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_dropped_runtime_reports_nothing_and_cancels_its_handlers() {
    let (fake, runtime) = Fake::start(2).await;
    fake.enqueue(1);
    let held = begin(&runtime, 1).await.remove(0);
    drop(runtime);
    held.cancellation().cancelled().await;
    held.report(success());
    assert!(fake.calls().iter().all(|call| call.reports.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_handler_whose_attempt_is_over() {
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue_with(1, Some(Duration::from_secs(1)));
    let _blocked = begin(&runtime, 1).await;
    fake.accepted(1).await;
    let began_at = Instant::now();
    assert_eq!(runtime.shutdown(LONG).await, Drained { abandoned: 1, undelivered: 0 });
    assert_eq!(began_at.elapsed(), Duration::ZERO);
}
