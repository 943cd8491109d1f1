//! Threads that carry their outcomes themselves.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread::{self, ThreadId},
};

use tasker_core::model::{Lease, Outcome, Report};
use tasker_worker::runtime::{Interrupt, Runtime, Taken};
use tokio::time::Duration;

use crate::fake::{Call, Fake, LONG, success};

/// The next attempt, taken by a thread; it has begun.
fn take(runtime: &Runtime) -> tasker_worker::runtime::Held {
    match runtime.poll_blocking(LONG, &Interrupt::new()) {
        Some(Taken::Run(mut held)) => {
            held.begin();
            held
        }
        other => panic!("{other:?} instead of an attempt"),
    }
}

/// Runs attempts until the worker ends, and leaves each outcome to the next poll.
fn serve(runtime: &Runtime) -> Vec<Lease> {
    let mut leases = Vec::new();
    loop {
        match runtime.poll_blocking(LONG, &Interrupt::new()) {
            Some(Taken::Run(mut held)) => {
                held.begin();
                leases.push(held.lease());
                held.leave(success());
            }
            Some(Taken::Cancel(lease)) => panic!("{lease:?} was cancelled"),
            Some(Taken::End) => return leases,
            None => panic!("nothing came"),
        }
    }
}

fn spawn<T: Send + 'static>(
    runtime: &Arc<Runtime>,
    serve: impl FnOnce(&Runtime) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let runtime = Arc::clone(runtime);
    thread::spawn(move || serve(&runtime))
}

/// Runs one step after the other until a thread has sent the outcome of one itself: where it comes late, the pump does.
async fn run_until_carried_by(fake: &Fake, id: ThreadId) -> usize {
    let is_by_thread = |call: &Call| call.thread == id && !call.reports.is_empty();
    let mut count = 0;
    while !fake.calls().iter().any(is_by_thread) {
        fake.enqueue(1);
        count += 1;
        assert_eq!(fake.accepted(count).await.len(), count);
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_without_other_work_carries_its_outcome_itself() {
    let (fake, runtime) = Fake::start(4).await;
    let taker = spawn(&runtime, serve);
    let count = run_until_carried_by(&fake, taker.thread().id()).await;
    runtime.shutdown(LONG).await;
    assert_eq!(taker.join().unwrap().len(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_however_threads_and_pump_share_the_reports() {
    let (fake, runtime) = Fake::start_with(16, 2).await;
    fake.enqueue(200);
    let takers: Vec<_> = (0..4).map(|_| spawn(&runtime, serve)).collect();
    assert_eq!(fake.accepted(200).await.len(), 200);
    fake.enqueue(1);
    assert_eq!(fake.accepted(201).await.len(), 201);
    let drained = runtime.shutdown(LONG).await;
    assert_eq!((drained.abandoned, drained.undelivered), (0, 0));
    assert_eq!(takers.into_iter().map(|taker| taker.join().unwrap().len()).sum::<usize>(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_sent_by_a_thread_that_goes_away() {
    let (fake, runtime) = Fake::start(4).await;
    fake.enqueue(3);
    let goes_away = |runtime: &Runtime| {
        take(runtime).leave(success());
        runtime.send();
        let interrupt = Interrupt::new();
        take(runtime).leave(success());
        runtime.interrupt(&interrupt);
        assert!(runtime.poll_blocking(LONG, &interrupt).is_none());
        take(runtime).leave(success());
        assert!(runtime.poll_blocking(Duration::ZERO, &Interrupt::new()).is_none());
    };
    spawn(&runtime, goes_away).join().unwrap();
    assert_eq!(fake.accepted(3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_takes_long_does_not_hold_up_its_thread() {
    // With its slot taken, the worker does not look for more steps, which would be held up too.
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue(1);
    let held = spawn(&runtime, take).join().unwrap();
    fake.hold();
    let interrupt = Arc::new(Interrupt::new());
    let poller = spawn(&runtime, {
        let interrupt = Arc::clone(&interrupt);
        move |runtime| {
            held.leave(success());
            runtime.poll_blocking(LONG, &interrupt).is_none()
        }
    });
    fake.first_report().await;
    runtime.interrupt(&interrupt);
    assert!(poller.join().unwrap(), "it is called back while its report is still under way");
    fake.let_go();
    assert_eq!(fake.accepted(1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_is_not_taken_is_offered_again() {
    let (fake, runtime) = Fake::start(4).await;
    fake.enqueue(1);
    let taker = spawn(&runtime, |runtime| {
        let held = take(runtime);
        let lease = held.lease();
        (held, lease)
    });
    let (held, lease) = taker.join().unwrap();
    fake.set_down(true);
    let poller = spawn(&runtime, |runtime| {
        held.leave(success());
        matches!(runtime.poll_blocking(LONG, &Interrupt::new()), Some(Taken::End))
    });
    fake.first_report().await;
    fake.set_down(false);
    assert_eq!(fake.accepted(1).await[0].lease, lease);
    runtime.shutdown(LONG).await;
    assert!(poller.join().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_free_again_although_nobody_wants_the_outcome() {
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue_with(1, Some(Duration::from_millis(1)));
    fake.enqueue(1);
    let held = spawn(&runtime, take).join().unwrap();
    assert!(matches!(fake.accepted(1).await[0].outcome, Outcome::Failed { .. }), "it has timed out");
    let next = spawn(&runtime, |runtime| {
        held.leave(success());
        take(runtime)
    });
    next.join().unwrap().report(success());
    assert_eq!(fake.accepted(2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_taken_from_a_thread_that_does_not_look_after_it() {
    // With its slot taken, the worker does not look for more steps, which would be held up too.
    let (fake, runtime) = Fake::start(1).await;
    fake.enqueue(1);
    let lease = spawn(&runtime, |runtime| take(runtime).hand_over().lease).join().unwrap();
    fake.hold();
    let report_all = move |runtime: &Runtime| runtime.report_all([Report { lease, outcome: success() }]);
    spawn(&runtime, report_all).join().unwrap();
    fake.first_report().await;
    fake.let_go();
    assert_eq!(fake.accepted(1).await.len(), 1);
    let drained = runtime.shutdown(LONG).await;
    assert_eq!((drained.abandoned, drained.undelivered), (0, 0));
}

/// As an event loop does: runs what is there whenever it is called, and never waits for a report.
fn serve_when_called(runtime: &Runtime, called: &Receiver<()>) -> usize {
    let mut count = 0;
    loop {
        assert_eq!(called.recv_timeout(LONG), Ok(()));
        for taken in runtime.poll_called(1_000) {
            match taken {
                Taken::Run(held) => {
                    count += 1;
                    runtime.report_all([Report { lease: held.hand_over().lease, outcome: success() }]);
                }
                Taken::Cancel(lease) => panic!("{lease:?} was cancelled"),
                Taken::End => return count,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_however_an_event_loop_and_the_pump_share_the_reports() {
    for lanes in [1, 2] {
        let (fake, runtime) = Fake::start_with(4, lanes).await;
        let (call, called) = channel();
        runtime.set_wake(move || assert_eq!(call.send(()), Ok(())));
        let event_loop = spawn(&runtime, move |runtime| serve_when_called(runtime, &called));
        let count = run_until_carried_by(&fake, event_loop.thread().id()).await + 100;
        fake.enqueue(100);
        assert_eq!(fake.accepted(count).await.len(), count);
        let drained = runtime.shutdown(LONG).await;
        assert_eq!((drained.abandoned, drained.undelivered), (0, 0));
        assert_eq!(event_loop.join().unwrap(), count);
    }
}
