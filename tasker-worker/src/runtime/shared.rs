use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Wake,
};

use tasker_core::{
    model::{Assignment, Report},
    orchestration::Intake,
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::ledger::{Ledger, Levels, Phase};

/// Called when there is something to poll where there was nothing.
pub(super) type OnNews = Arc<dyn Fn() + Send + Sync>;

/// The ledger, and the ways in which those who wait for it are told.
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    /// Tells pollers that wait on a thread.
    pub(super) arrived_blocking: Condvar,
    /// Tells pollers that wait in a task. One of them is told; whoever takes something and leaves more tells the next.
    pub(super) arrived: Notify,
    /// Tells the pump: outcomes wait, or a slot is free.
    pub(super) pump: Notify,
    /// Tells the clock: something times out sooner than was known.
    pub(super) clock: Notify,
    /// Tells the renewal: a lease is due sooner than was known.
    pub(super) renewal: Notify,
    /// Tells the shutdown: something has ended.
    pub(super) settled: Notify,
    /// Cancelled when nothing can be reported any more.
    pub(super) ended: CancellationToken,
    wake: Mutex<Option<OnNews>>,
}

impl Shared {
    pub(super) fn new(slots: usize, lanes: usize) -> Self {
        Self {
            ledger: Mutex::new(Ledger::new(slots, lanes)),
            arrived_blocking: Condvar::new(),
            arrived: Notify::new(),
            pump: Notify::new(),
            clock: Notify::new(),
            renewal: Notify::new(),
            settled: Notify::new(),
            ended: CancellationToken::new(),
            wake: Mutex::default(),
        }
    }

    /// The ledger, for a moment: nothing that takes time may happen under this lock.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the ledger, and then tells pollers, pump and shutdown what concerns them.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let (answer, before, after) = self.change(change);
        self.tell_pollers(before, after, 0);
        if after.outcomes > before.outcomes || after.free > before.free || after.phase != before.phase {
            self.pump.notify_one();
        }
        answer
    }

    /// The same for the pump, or for a thread that sees to the pump itself, and takes so much of what there is to poll.
    pub(super) fn update_for<T>(&self, taken_here: usize, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let (answer, before, after) = self.change(change);
        self.tell_pollers(before, after, taken_here);
        answer
    }

    fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> (T, Levels, Levels) {
        let mut ledger = self.ledger();
        let before = ledger.levels();
        let answer = change(&mut ledger);
        let after = ledger.levels();
        drop(ledger);
        if after.phase >= Phase::Draining {
            self.settled.notify_one();
        }
        (answer, before, after)
    }

    /// Takes in the outcome of a thread that sees to its report next: the pump hears of it only if that thread has something
    /// else to do. An outcome that nobody wants leaves a free slot, and no report.
    pub(super) fn leave(&self, report: Report) {
        let (is_wanted, is_ending) = {
            let mut ledger = self.ledger();
            let before = ledger.outcomes.waiting();
            ledger.answer(report);
            let is_wanted = ledger.outcomes.waiting() > before;
            ledger.has_left |= is_wanted;
            (is_wanted, ledger.phase() >= Phase::Draining)
        };
        if is_ending || !is_wanted {
            self.pump.notify_one();
        }
        if is_ending {
            self.settled.notify_one();
        }
    }

    fn tell_pollers(&self, before: Levels, after: Levels, taken_here: usize) {
        let is_end = after.phase == Phase::Ended && before.phase != Phase::Ended;
        if is_end {
            self.arrived_blocking.notify_all();
        }
        for _ in before.to_poll.saturating_add(taken_here)..after.to_poll {
            self.arrived_blocking.notify_one();
        }
        if is_end || after.to_poll > before.to_poll {
            self.arrived.notify_one();
        }
        // A thread that takes everything is the one that is woken.
        let is_news = before.to_poll == 0 && taken_here < usize::MAX;
        if after.to_poll > 0 && (is_end || is_news) {
            self.call_wake();
        }
    }

    /// Calls `wake` from now on; once at once if there is something already.
    pub(super) fn set_wake(&self, wake: OnNews) {
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(wake);
        let is_something_there = self.ledger().levels().to_poll > 0;
        if is_something_there {
            self.call_wake();
        }
    }

    pub(super) fn call_wake(&self) {
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(wake) = wake else { return };
        // It is the caller's code, and this may be the pump's task.
        if catch_unwind(AssertUnwindSafe(|| wake())).is_err() {
            error!("the wake callback panicked");
        }
    }
}

/// For the report that the thread which `wake` calls looks after.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.call_wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call_wake();
    }
}

/// What is handed over here was not asked for: the engine has it because a task was just submitted to it.
impl Intake for Shared {
    fn reserve(&self, want: usize) -> usize {
        self.ledger().reserve(want)
    }

    fn fill(&self, reserved: usize, assignments: Vec<Assignment>, claimed_at: std::time::Instant) {
        let is_sooner = self.update(|ledger| {
            ledger.give_back(reserved);
            ledger.arrive(assignments, Instant::from_std(claimed_at))
        });
        if is_sooner {
            self.renewal.notify_one();
        }
    }
}
