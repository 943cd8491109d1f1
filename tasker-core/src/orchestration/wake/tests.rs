//! Several processes, each with wake-ups of its own, on one bus that the tests can break.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use async_trait::async_trait;
use tokio::{
    sync::broadcast,
    time::{Duration, Instant, timeout},
};
use uuid::Uuid;

use super::*;
use crate::store::{Error, Result, Wire};

/// What a database does for the processes on it.
struct Bus {
    texts: broadcast::Sender<String>,
    said: AtomicUsize,
    /// Texts vanish without an error, as behind a pooler that gives a connection away between two statements.
    is_deaf: AtomicBool,
    is_down: AtomicBool,
}

struct BusWire {
    bus: Arc<Bus>,
    texts: broadcast::Receiver<String>,
}

impl Bus {
    fn new() -> Arc<Self> {
        let (said, is_deaf, is_down) = Default::default();
        Arc::new(Self { texts: broadcast::channel(10_000).0, said, is_deaf, is_down })
    }

    fn said(&self) -> usize {
        self.said.load(Ordering::Relaxed)
    }
}

fn down() -> Error {
    Error::Unavailable("down".to_owned())
}

struct ToBus(Arc<Bus>);

#[async_trait]
impl Dial for ToBus {
    async fn dial(&self) -> Result<Option<Box<dyn Wire>>> {
        if self.0.is_down.load(Ordering::Relaxed) {
            return Err(down());
        }
        Ok(Some(Box::new(BusWire { texts: self.0.texts.subscribe(), bus: Arc::clone(&self.0) })))
    }
}

#[async_trait]
impl Wire for BusWire {
    async fn send(&mut self, text: &str) -> Result<()> {
        if self.bus.is_down.load(Ordering::Relaxed) {
            return Err(down());
        }
        self.bus.said.fetch_add(1, Ordering::Relaxed);
        if !self.bus.is_deaf.load(Ordering::Relaxed) {
            let _ = self.bus.texts.send(text.to_owned());
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<String> {
        self.texts.recv().await.map_err(|_| down())
    }
}

/// A process on a bus.
struct Process {
    wakeups: Arc<Wakeups>,
    carrier: Carrier,
}

impl Process {
    fn start(bus: &Arc<Bus>, roles: Roles) -> Self {
        let wakeups = Arc::new(Wakeups::default());
        let carrier = Carrier::start(Arc::clone(&wakeups), Arc::new(ToBus(Arc::clone(bus))));
        wakeups.take_on(roles);
        Self { wakeups, carrier }
    }

    async fn is_carried(&self, expected: bool) {
        let seen = timeout(Duration::from_secs(1_500), async {
            while self.wakeups.is_carried() != expected {
                pass(Duration::from_millis(10)).await;
            }
        });
        assert!(seen.await.is_ok(), "is_carried stays {}", !expected);
    }
}

const LONG: Duration = Duration::from_secs(30);

fn task(number: u128) -> TaskId {
    TaskId(Uuid::from_u128(number))
}

/// Lets everybody go on until so much time is over.
async fn pass(time: Duration) {
    assert!(timeout(time, std::future::pending::<()>()).await.is_err());
}

/// Far enough for everybody to know who is there.
async fn settle() {
    pass(Duration::from_secs(3)).await;
}

fn ended(of: u128) -> Changes {
    Changes { ended: vec![(task(of), TaskState::Complete)], ..Changes::default() }
}

#[tokio::test(start_paused = true)]
async fn an_end_in_one_process_is_heard_in_another() {
    let bus = Bus::new();
    let (one, two) = (Process::start(&bus, Roles::SWEEPS), Process::start(&bus, Roles::SWEEPS));
    settle().await;
    let end = two.wakeups.end_of(task(1));
    let other_end = two.wakeups.end_of(task(2));
    settle().await;
    let ended_at = Instant::now();
    one.wakeups.committed(&ended(1), None);
    assert_eq!(timeout(LONG, end).await.expect("in time"), Ok(()));
    assert!(ended_at.elapsed() < Duration::from_millis(25));
    assert!(timeout(LONG, other_end).await.is_err(), "an end was heard that was not said");
}

#[tokio::test(start_paused = true)]
async fn the_log_of_one_process_is_followed_in_another() {
    let bus = Bus::new();
    let (one, two) = (Process::start(&bus, Roles::SWEEPS), Process::start(&bus, Roles::SWEEPS));
    let mut watch = two.wakeups.watch_events();
    settle().await;
    watch.seen();
    assert!(timeout(LONG, watch.changed()).await.is_err());
    one.wakeups.logged();
    assert!(timeout(LONG, watch.changed()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn many_hints_share_few_messages_and_a_lone_one_leaves_at_once() {
    let bus = Bus::new();
    let (one, two) = (Process::start(&bus, Roles::SWEEPS), Process::start(&bus, Roles::SWEEPS));
    drop(two.wakeups.end_of(task(0)));
    settle().await;
    let before = bus.said();
    for number in 1..=1_000 {
        one.wakeups.committed(&ended(number), None);
        one.wakeups.committed(&ended(1_000 + number), None);
        pass(Duration::from_millis(1)).await;
    }
    let said = bus.said() - before;
    assert!((40..=80).contains(&said), "{said} messages in a second of load");
    // The first leaves with what came before, which still counts as load; then each of a chain leaves when it comes.
    let mut waited = Vec::new();
    for number in 2_001..=2_020 {
        let (began, end) = (Instant::now(), two.wakeups.end_of(task(number)));
        one.wakeups.committed(&ended(number), None);
        assert_eq!(timeout(LONG, end).await.expect("in time"), Ok(()));
        waited.push(began.elapsed());
        pass(Duration::from_millis(5)).await;
    }
    assert!(waited[2..].iter().all(|waited| *waited <= Duration::from_millis(2)), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_that_nobody_wants_to_hear() {
    let bus = Bus::new();
    let (one, two) = (Process::start(&bus, Roles::SWEEPS), Process::start(&bus, Roles::WORKS));
    settle().await;
    let before = bus.said();
    one.wakeups.committed(&ended(1), None);
    two.wakeups.logged();
    settle().await;
    assert_eq!(bus.said(), before);
    one.wakeups.committed(&Changes { revoked: [task(1)].into(), ..Changes::default() }, None);
    settle().await;
    assert_eq!(bus.said(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_there_is_known_until_it_leaves_or_falls_silent() {
    let bus = Bus::new();
    let one = Process::start(&bus, Roles::SWEEPS);
    let (two, three) = (Process::start(&bus, Roles::SWEEPS), Process::start(&bus, Roles::SWEEPS.and(Roles::WORKS)));
    settle().await;
    assert_eq!(one.wakeups.other_sweepers(), 2);
    two.carrier.stop().await;
    settle().await;
    assert_eq!(one.wakeups.other_sweepers(), 1);
    drop(three);
    pass(Duration::from_secs(1_500)).await;
    assert_eq!(one.wakeups.other_sweepers(), 0);
    one.is_carried(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_wire_that_swallows_what_is_said_is_not_relied_on() {
    let bus = Bus::new();
    bus.is_deaf.store(true, Ordering::Relaxed);
    let one = Process::start(&bus, Roles::SWEEPS);
    settle().await;
    one.is_carried(false).await;
    bus.is_deaf.store(false, Ordering::Relaxed);
    one.is_carried(true).await;
    bus.is_deaf.store(true, Ordering::Relaxed);
    one.is_carried(false).await;
}

#[tokio::test(start_paused = true)]
async fn when_the_wire_is_lost_and_when_it_is_back_everyone_looks() {
    let bus = Bus::new();
    let one = Process::start(&bus, Roles::SWEEPS);
    one.is_carried(true).await;
    let end = one.wakeups.end_of(task(1));
    settle().await;
    bus.is_down.store(true, Ordering::Relaxed);
    assert_eq!(timeout(Duration::from_secs(1_500), end).await.expect("in time"), Ok(()));
    one.is_carried(false).await;
    let end = one.wakeups.end_of(task(1));
    bus.is_down.store(false, Ordering::Relaxed);
    assert_eq!(timeout(Duration::from_secs(1_500), end).await.expect("in time"), Ok(()));
    one.is_carried(true).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_not_yet_said_is_said_before_a_process_ends() {
    let bus = Bus::new();
    let (one, two) = (Process::start(&bus, Roles::SWEEPS), Process::start(&bus, Roles::SWEEPS));
    let end = two.wakeups.end_of(task(1));
    settle().await;
    one.wakeups.committed(&ended(1), None);
    one.carrier.stop().await;
    assert_eq!(timeout(LONG, end).await.expect("in time"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_process_with_nothing_to_say_or_to_hear_does_not_connect() {
    let bus = Bus::new();
    let _idle = Process::start(&bus, Roles::default());
    settle().await;
    assert_eq!(bus.texts.receiver_count(), 0);
}
