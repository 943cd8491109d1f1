use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use tasker_worker::{
    coordinator::Coordinator,
    runtime::{Error, Interrupt, Runtime, RuntimeConfig, Taken},
};
use tokio::time::Duration;

use crate::fake::{Fake, LONG, begin, next, success};

#[tokio::test(flavor = "multi_thread")]
async fn many_threads_share_the_attempts_and_all_see_the_end() {
    let (fake, runtime) = Fake::start(16).await;
    let expected: HashSet<_> = fake.enqueue(300).into_iter().collect();
    let takers: Vec<_> = (0..8)
        .map(|_| {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || {
                let mut leases = Vec::new();
                loop {
                    match runtime.poll_blocking(LONG, &Interrupt::new()) {
                        Some(Taken::Run(mut held)) => {
                            held.begin();
                            leases.push(held.lease());
                            held.report(success());
                        }
                        Some(Taken::Cancel(lease)) => panic!("{lease:?} was cancelled"),
                        Some(Taken::End) => return leases,
                        None => panic!("nothing came"),
                    }
                }
            })
        })
        .collect();
    assert_eq!(fake.accepted(300).await.len(), 300);
    runtime.shutdown(LONG).await;
    let taken: Vec<_> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
    assert_eq!(taken.len(), 300);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_waits_is_called_back() {
    let (_fake, runtime) = Fake::start(1).await;
    let interrupt = Arc::new(Interrupt::new());
    let (sender, receiver) = mpsc::channel();
    let taker = thread::spawn({
        let (runtime, interrupt) = (Arc::clone(&runtime), Arc::clone(&interrupt));
        move || {
            sender.send(()).unwrap();
            runtime.poll_blocking(LONG, &interrupt).is_none()
        }
    });
    receiver.recv().unwrap();
    runtime.interrupt(&interrupt);
    assert!(taker.join().unwrap());
    assert!(runtime.poll_blocking(Duration::ZERO, &Interrupt::new()).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_wake_callback_is_called_when_there_is_something_again() {
    let (fake, runtime) = Fake::start(4).await;
    let (calls, woken) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
    runtime.set_wake({
        let (calls, woken) = (Arc::clone(&calls), Arc::clone(&woken));
        move || {
            calls.fetch_add(1, Ordering::Relaxed);
            woken.notify_one();
        }
    });
    fake.enqueue(2);
    woken.notified().await;
    assert_eq!((calls.load(Ordering::Relaxed), runtime.stats().waiting), (1, 2));
    // More behind what is there already wakes nobody.
    let made = fake.calls().len();
    fake.enqueue(1);
    fake.call(made).await;
    assert_eq!(begin(&runtime, 3).await.len(), 3);
    assert_eq!(calls.load(Ordering::Relaxed), 1);

    fake.enqueue(1);
    woken.notified().await;
    drop(runtime.poll_ready(10));
    runtime.shutdown(LONG).await;
    woken.notified().await;
    assert_eq!(calls.load(Ordering::Relaxed), 3, "the end is something to poll");
}

#[tokio::test(start_paused = true)]
async fn many_tasks_share_the_attempts() {
    let (fake, runtime) = Fake::start(8).await;
    let takers: Vec<_> = (0..8)
        .map(|_| {
            let runtime = Arc::clone(&runtime);
            tokio::spawn(async move { next(&runtime).await.lease() })
        })
        .collect();
    let expected: HashSet<_> = fake.enqueue(8).into_iter().collect();
    let mut taken = HashSet::new();
    for taker in takers {
        taken.insert(taker.await.unwrap());
    }
    assert_eq!(taken, expected);
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused() {
    let start = |handlers: &[&str], slots| {
        let config = RuntimeConfig { slots, ..RuntimeConfig::new("rust", handlers.iter().copied()) };
        Runtime::start(Arc::new(Fake::default()) as Arc<dyn Coordinator>, config)
    };
    assert!(matches!(start(&[], 1).await, Err(Error::NoHandlers)));
    assert!(matches!(start(&["a"], 0).await, Err(Error::Slots(0))));
    assert!(matches!(start(&["a"], 10_001).await, Err(Error::Slots(10_001))));
    assert!(matches!(start(&["two words"], 1).await, Err(Error::Name(_))));
    assert!(start(&["a"], 10_000).await.is_ok());
}
