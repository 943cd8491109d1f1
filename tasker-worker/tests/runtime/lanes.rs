//! Several reports under way at the same time.

use std::collections::HashSet;

use tasker_core::{model::TaskId, state::Look};
use tasker_worker::runtime::Held;

use crate::fake::{Call, Fake, begin, success};

const STEPS: usize = 64;

fn tasks(call: &Call) -> HashSet<TaskId> {
    call.reports.iter().map(|report| report.lease.task_id).collect()
}

/// Ends attempts one by one until two reports are under way, which are held; the attempts that are left.
async fn two_under_way(fake: &Fake, mut held: Vec<Held>) -> Vec<Held> {
    fake.hold();
    // Half of the tasks have their outcomes in the other lane, so that one of a few must be among them.
    while fake.calls().iter().filter(|call| !call.reports.is_empty()).count() < 2 {
        held.pop().expect("a second report leaves while the first is under way").report(success());
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    held
}

#[tokio::test(start_paused = true)]
async fn outcomes_leave_although_another_report_is_under_way_and_nothing_is_sent_twice() {
    let (fake, runtime) = Fake::start_with(STEPS, 2).await;
    fake.enqueue(STEPS);
    let held = two_under_way(&fake, begin(&runtime, STEPS).await).await;
    held.into_iter().for_each(|held| held.report(success()));
    tokio::task::yield_now().await;
    let under_way = fake.reports(2).await;
    assert_eq!(under_way.len(), 2, "no more reports are under way than there are lanes");
    assert!(tasks(&under_way[0]).is_disjoint(&tasks(&under_way[1])));
    fake.let_go();
    let accepted = fake.accepted(STEPS).await;
    assert_eq!(accepted.iter().map(|report| report.lease).collect::<HashSet<_>>().len(), STEPS);
    assert_eq!(accepted.len(), STEPS);
}

#[tokio::test(start_paused = true)]
async fn no_slot_is_asked_for_twice_and_only_one_report_looks_into_the_queues() {
    let (fake, runtime) = Fake::start_with(STEPS, 2).await;
    fake.enqueue(STEPS * 2);
    let held = two_under_way(&fake, begin(&runtime, STEPS).await).await;
    let reports = fake.reports(2).await;
    let free = STEPS - held.len();
    assert!(reports.iter().map(|call| call.want).sum::<usize>() <= free);
    assert_eq!(reports.iter().filter(|call| call.look != Look::Nowhere).count(), 1);
    fake.let_go();
    let more = begin(&runtime, free).await;
    assert_eq!(held.len() + more.len(), runtime.stats().running);
}
