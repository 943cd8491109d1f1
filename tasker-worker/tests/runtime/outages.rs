use std::collections::HashSet;

use tokio::time::{Duration, Instant};

use crate::fake::{Fake, begin, next, success};

#[tokio::test(start_paused = true)]
async fn outcomes_outlast_an_outage_and_are_delivered_once() {
    let (fake, runtime) = Fake::start(3).await;
    let leases: HashSet<_> = fake.enqueue(3).into_iter().collect();
    let held = begin(&runtime, 3).await;
    fake.set_down(true);
    let made = fake.calls().len();
    held.into_iter().for_each(|held| held.report(success()));
    assert!(runtime.poll(Duration::from_secs(60)).await.is_none());
    assert_eq!(runtime.stats().outcomes, 3);
    let tries = fake.calls().len() - made;
    assert!((10..60).contains(&tries), "{tries} tries in a minute: it gave up, or it spins");

    fake.set_down(false);
    let recovered_at = Instant::now();
    let accepted = fake.accepted(3).await;
    assert!(recovered_at.elapsed() <= Duration::from_secs(5));
    assert_eq!(accepted.len(), 3);
    assert_eq!(accepted.into_iter().map(|report| report.lease).collect::<HashSet<_>>(), leases);
    fake.enqueue(1);
    let _held = next(&runtime).await;
    assert_eq!(runtime.stats().outcomes, 0);
}

#[tokio::test(start_paused = true)]
async fn one_outcome_that_is_refused_does_not_keep_the_others() {
    let (fake, runtime) = Fake::start(8).await;
    fake.enqueue(8);
    let held = begin(&runtime, 8).await;
    let refused = held[2].lease();
    fake.refuse(refused);
    held.into_iter().for_each(|held| held.report(success()));
    let accepted = fake.accepted(7).await;
    assert!(accepted.iter().all(|report| report.lease != refused));
    assert_eq!(runtime.stats().outcomes, 1);
    // It does not keep new steps away either, and its slot stays taken.
    fake.enqueue(8);
    let _held = begin(&runtime, 7).await;
    assert!(runtime.poll(Duration::from_secs(60)).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn leases_are_extended_again_after_an_outage() {
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue(1);
    let held = begin(&runtime, 1).await.remove(0);
    fake.set_down(true);
    assert!(runtime.poll(Duration::from_secs(60)).await.is_none());
    fake.set_down(false);
    let recovered_at = Instant::now();
    fake.extensions(1).await;
    assert!(recovered_at.elapsed() <= Duration::from_secs(5));
    assert!(!held.cancellation().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_refuses_everything_is_not_stormed() {
    let (fake, runtime) = Fake::start(500).await;
    fake.enqueue(500);
    let held = begin(&runtime, 500).await;
    fake.refuse_all();
    let made = fake.calls().len();
    held.into_iter().for_each(|held| held.report(success()));
    assert!(runtime.poll(Duration::from_secs(60)).await.is_none());
    let tries = fake.calls().len() - made;
    assert!(tries < 60, "{tries} tries in a minute");
    assert_eq!(runtime.stats().outcomes, 500);
}
