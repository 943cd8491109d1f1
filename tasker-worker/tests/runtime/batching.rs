use std::collections::HashSet;

use tasker_core::state::Look;
use tokio::time::{Duration, Instant};

use crate::fake::{Fake, LONG, begin, next, success};

#[tokio::test(start_paused = true)]
async fn what_piles_up_during_a_report_makes_up_the_next_one() {
    let (fake, runtime) = Fake::start(4).await;
    let leases: HashSet<_> = fake.enqueue(4).into_iter().collect();
    let mut held = begin(&runtime, 4).await;

    fake.hold();
    held.remove(0).report(success());
    assert_eq!(fake.first_report().await.reports.len(), 1);
    let made = fake.calls().len();
    held.into_iter().for_each(|held| held.report(success()));
    fake.let_go();

    assert_eq!(fake.call(made).await.reports.len(), 3);
    let accepted = fake.accepted(4).await;
    assert_eq!(accepted.iter().map(|report| report.lease).collect::<HashSet<_>>(), leases);
    assert_eq!(accepted.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_lone_outcome_leaves_at_once() {
    let (fake, runtime) = Fake::start(4).await;
    fake.enqueue(1);
    let held = begin(&runtime, 1).await.remove(0);
    let ended_at = Instant::now();
    held.report(success());
    fake.accepted(1).await;
    assert_eq!(ended_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn as_many_steps_are_wanted_as_slots_are_free() {
    let (fake, runtime) = Fake::start(3).await;
    fake.enqueue(10);
    let mut held = begin(&runtime, 3).await;
    assert_eq!(fake.call(0).await.want, 3);
    assert!(runtime.poll(LONG).await.is_none(), "more attempts are held than there are slots");
    assert_eq!(runtime.stats().running, 3);

    fake.hold();
    held.remove(0).report(success());
    assert_eq!(fake.first_report().await.want, 1, "the slot of the outcome is free for the claim that it travels with");
    fake.let_go();
    next(&runtime).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_before_the_first_poll() {
    let (fake, runtime) = Fake::start(3).await;
    fake.enqueue(1);
    fake.joins(2).await;
    assert!(fake.calls().is_empty());
    next(&runtime).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_asks_ever_more_rarely_until_it_is_woken() {
    let (fake, runtime) = Fake::start(3).await;
    assert!(runtime.poll(Duration::from_secs(60)).await.is_none());
    let calls = fake.calls().len();
    // About eight while the interval grows, and then one a second.
    assert!((45..=95).contains(&calls), "{calls} calls in an idle minute");

    let woken_at = Instant::now();
    fake.enqueue(1);
    next(&runtime).await;
    assert_eq!(woken_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_that_is_told_of_everything_asks_still_more_rarely() {
    let (fake, runtime) = Fake::start(3).await;
    fake.set_told(true);
    let idle = async |fake: &Fake| {
        let before = fake.calls().len();
        assert!(runtime.poll(Duration::from_secs(600)).await.is_none());
        fake.calls().len() - before
    };
    idle(&fake).await;
    let calls = idle(&fake).await;
    assert!((15..=30).contains(&calls), "{calls} calls in ten idle minutes");
    // Nobody tells any more: the next look is not put off.
    fake.set_told(false);
    let calls = idle(&fake).await;
    assert!(calls >= 450, "{calls} calls in ten idle minutes");
}

#[tokio::test(start_paused = true)]
async fn queues_that_are_believed_empty_are_left_alone() {
    let (fake, runtime) = Fake::start(3).await;
    fake.enqueue(1);
    let held = begin(&runtime, 1).await.remove(0);
    let made = fake.calls().len();
    held.report(success());
    // The claim before brought less than was wanted.
    assert_eq!(fake.call(made).await.look, Look::Nowhere);
}
