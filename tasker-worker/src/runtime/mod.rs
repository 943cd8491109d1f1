//! The worker under every language: slots, claims, leases, timeouts, batching and the drain.
//!
//! A [`Runtime`] claims steps for the handlers that it was told of and keeps them until takers [`poll`](Runtime::poll) for
//! them; takers report outcomes, which travel together with the next claim. It never calls a handler: Rust's executor is a
//! taker like any other ([`crate::Worker`]).

mod attempt;
mod carrier;
mod clock;
mod config;
mod drain;
mod held;
mod ledger;
mod outage;
mod outcomes;
mod pace;
mod pump;
mod renewal;
mod shared;

use std::{
    fmt,
    sync::{
        Arc, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tasker_core::{
    model::{Checkpoint, Json, Lease, Report, WorkerId},
    store::WorkerRecord,
};
use tokio::{
    runtime::Handle,
    sync::Mutex,
    task::AbortHandle,
    time::{Instant, timeout_at},
};

pub use config::{Error, RuntimeConfig};
pub use drain::Drained;
pub use held::{Held, Taken};
pub use ledger::Stats;

use self::{
    carrier::Carrier,
    clock::watch_timeouts,
    ledger::{Found, Phase},
    pump::Pump,
    renewal::Renewal,
    shared::Shared,
};
use crate::{
    coordinator::{self, Coordinator},
    here::Here,
};

/// How long a thread waits for the outcomes of handlers that have just begun, so that they leave together with its own.
const LINGER: Duration = Duration::from_micros(50);

/// A worker that has joined its coordinator. All methods may be called from any number of threads; those that are not
/// `async` also from threads that know nothing of tokio.
///
/// Dropped without a [`shutdown`](Self::shutdown) it stops dead, like a process that is killed: nothing more is reported, and
/// what it held runs again elsewhere when the leases end.
pub struct Runtime {
    shared: Arc<Shared>,
    coordinator: Arc<dyn Coordinator>,
    carrier: Arc<Carrier>,
    worker: WorkerRecord,
    tasks: [AbortHandle; 3],
    drained: Mutex<Option<Drained>>,
}

impl Runtime {
    /// Checks the configuration and joins the coordinator. Nothing is claimed before the first poll. Must be called within
    /// a tokio runtime, which carries the worker from then on.
    ///
    /// # Errors
    /// [`Error`]; nothing has been started.
    pub async fn start(coordinator: Arc<dyn Coordinator>, config: RuntimeConfig) -> Result<Self, Error> {
        config.check()?;
        let worker = config.record();
        let shared = Arc::new(Shared::new(config.slots, coordinator.reports_at_once()));
        let intake: Weak<Shared> = Arc::downgrade(&shared);
        coordinator.attach(intake);
        coordinator.join(&worker).await?;
        let here = Here::new(Handle::current());
        let interval = config.poll_interval_max;
        let carrier = Arc::new(Carrier::new(Arc::clone(&shared), Arc::clone(&coordinator), here, interval));
        let pump = Pump::new(Arc::clone(&shared), Arc::clone(&coordinator), Arc::clone(&carrier));
        let renewal = Renewal::new(Arc::clone(&shared), Arc::clone(&coordinator), worker.clone());
        let tasks = [
            tokio::spawn(pump.run()).abort_handle(),
            tokio::spawn(renewal.run()).abort_handle(),
            tokio::spawn(watch_timeouts(Arc::clone(&shared))).abort_handle(),
        ];
        Ok(Self { shared, coordinator, carrier, worker, tasks, drained: Mutex::default() })
    }

    #[must_use]
    pub fn worker_id(&self) -> WorkerId {
        self.worker.worker_id
    }

    /// What the coordinator was told of this worker.
    #[must_use]
    pub fn worker(&self) -> &WorkerRecord {
        &self.worker
    }

    /// What the worker is doing at the moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.ledger().stats()
    }

    /// The next thing to do, waited for at most `timeout`; none if there is nothing. Cancel-safe. After a shutdown it is
    /// [`Taken::End`] for ever.
    pub async fn poll(&self, timeout: Duration) -> Option<Taken> {
        let until = Instant::now().checked_add(timeout);
        loop {
            if let Some(taken) = self.take() {
                return Some(taken);
            }
            let arrived = self.shared.arrived.notified();
            match until {
                Some(until) => timeout_at(until, arrived).await.ok()?,
                None => arrived.await,
            }
        }
    }

    /// Like [`poll`](Self::poll), on a thread that may wait. None also when [`interrupt`](Self::interrupt) is called with the
    /// same flag, before or during the wait.
    #[must_use]
    pub fn poll_blocking(&self, timeout: Duration, interrupt: &Interrupt) -> Option<Taken> {
        let until = std::time::Instant::now().checked_add(timeout);
        self.open();
        let mut has_lingered = false;
        let mut ledger = self.shared.ledger();
        loop {
            if interrupt.is_set() {
                drop(ledger);
                self.send();
                // The wake-up that brought this thread here may have been meant for something that another can take.
                self.shared.arrived_blocking.notify_one();
                return None;
            }
            if let Some(found) = ledger.take() {
                drop(ledger);
                self.send();
                return Some(Taken::new(found, &self.shared));
            }
            let left = until.map(|until| until.saturating_duration_since(std::time::Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                drop(ledger);
                self.send();
                return None;
            }
            let mut at_most = left;
            if !has_lingered && ledger.is_more_to_come(Instant::now()) {
                (has_lingered, at_most) = (true, Some(LINGER));
            } else if ledger.has_left {
                drop(ledger);
                has_lingered &= !self.carrier.carry_here();
                ledger = self.shared.ledger();
                continue;
            }
            let arrived = &self.shared.arrived_blocking;
            ledger = match at_most {
                Some(at_most) => arrived
                    .wait_timeout(ledger, at_most)
                    .map(|woken| woken.0)
                    .unwrap_or_else(|poisoned| poisoned.into_inner().0),
                None => arrived.wait(ledger).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Has outcomes sent that were [left](Held::leave) for a poll.
    pub fn send(&self) {
        let has_left = std::mem::take(&mut self.shared.ledger().has_left);
        if has_left {
            self.shared.pump.notify_one();
        }
    }

    /// Up to `max` things to do that are there already; it never waits.
    #[must_use]
    pub fn poll_ready(&self, max: usize) -> Vec<Taken> {
        self.open();
        let mut ledger = self.shared.ledger();
        let found = std::iter::from_fn(|| ledger.take());
        // The end is there as often as it is asked for; once is enough.
        let mut has_ended = false;
        let until_end = found.take_while(|found| !std::mem::replace(&mut has_ended, matches!(found, Found::End)));
        let taken: Vec<_> = until_end.take(max).map(|found| Taken::new(found, &self.shared)).collect();
        drop(ledger);
        // Whoever takes something does not poll soon.
        if !taken.is_empty() {
            self.send();
        }
        taken
    }

    /// Ends the wait of a thread in [`poll_blocking`](Self::poll_blocking) with this flag.
    pub fn interrupt(&self, interrupt: &Interrupt) {
        let ledger = self.shared.ledger();
        interrupt.0.store(true, Ordering::Relaxed);
        drop(ledger);
        self.shared.arrived_blocking.notify_all();
    }

    /// Has `wake` called whenever there is something to poll where there was nothing, and once now if there is something.
    /// It is called on the runtime's own threads: it must return at once. Whoever is woken polls until nothing is left.
    pub fn set_wake(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.open();
        self.shared.set_wake(Arc::new(wake));
    }

    /// Takes the outcome of an attempt that was [handed over](Held::hand_over), and returns at once. An outcome that is no
    /// longer wanted, or of an attempt that this worker does not hold, is dropped.
    pub fn report(&self, report: Report) {
        self.shared.update(|ledger| ledger.answer(report));
    }

    /// The same for many at once, by the thread that [`set_wake`](Self::set_wake) calls: a report of few outcomes sets out from it
    /// at once, and it looks after that report in [`poll_called`](Self::poll_called). No other thread has to wake up for it then.
    pub fn report_all(&self, reports: impl IntoIterator<Item = Report>) {
        reports.into_iter().for_each(|report| self.shared.leave(report));
        if self.carrier.tend() {
            self.shared.call_wake();
        }
        self.send();
    }

    /// Like [`poll_ready`](Self::poll_ready), by the thread that [`set_wake`](Self::set_wake) calls.
    #[must_use]
    pub fn poll_called(&self, max: usize) -> Vec<Taken> {
        self.carrier.tend();
        self.poll_ready(max)
    }

    /// Says that a handler is alive, and perhaps how far it has come: its lease is extended soon. Leases of running handlers
    /// are extended without it too; it is the way to learn early that an attempt is lost.
    ///
    /// False when the outcome is no longer wanted, so that the handler may stop.
    pub fn heartbeat(&self, lease: Lease, progress: Option<Json>) -> bool {
        let (is_wanted, is_due) = self.shared.ledger().heartbeat(lease, progress, Instant::now());
        if is_due {
            self.shared.renewal.notify_one();
        }
        is_wanted
    }

    /// Stores how far an attempt has come, for the next attempt to go on from, and extends its lease; it returns when that
    /// is done. False when the lease is lost, so that the handler may stop: nothing was stored.
    ///
    /// # Errors
    /// What the coordinator answers; what was stored before is still there.
    pub async fn checkpoint(&self, lease: Lease, checkpoint: &Checkpoint) -> Result<bool, coordinator::Error> {
        let asked_at = Instant::now();
        let until = self.coordinator.checkpoint(lease, checkpoint).await?;
        self.shared.update(|ledger| match until {
            Some(_) => ledger.extended(lease, asked_at),
            None => ledger.lose(lease),
        });
        Ok(until.is_some())
    }

    /// What the last heartbeat of an attempt said; none without one, or if the attempt is not held.
    #[must_use]
    pub fn progress(&self, lease: Lease) -> Option<Json> {
        self.shared.ledger().progress(lease)
    }

    /// Stops dead: see [`Runtime`].
    pub(crate) fn close(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.shared.update(|ledger| {
            ledger.enter(Phase::Ended);
            ledger.clear();
        });
        self.shared.ended.cancel();
        self.carrier.close();
    }

    fn take(&self) -> Option<Taken> {
        self.open();
        let (found, has_more) = {
            let mut ledger = self.shared.ledger();
            (ledger.take(), ledger.levels().to_poll > 0)
        };
        if found.is_some() && has_more {
            self.shared.arrived.notify_one();
        }
        found.map(|found| Taken::new(found, &self.shared))
    }

    /// The first poll opens the worker for claims.
    fn open(&self) {
        let is_closed = self.shared.ledger().phase() == Phase::Started;
        if is_closed {
            self.shared.update(|ledger| ledger.enter(Phase::Open));
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("worker", &self.worker).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A flag with which one thread calls another back from [`Runtime::poll_blocking`]. Once set it stays set.
#[derive(Debug, Default)]
pub struct Interrupt(AtomicBool);

impl Interrupt {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
