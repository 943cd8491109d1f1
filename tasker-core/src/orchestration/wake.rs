use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{Notify, oneshot, watch};

use super::{hand::Intake, report::Session};
use crate::{
    model::{TaskId, TaskState},
    state::Route,
};

/// Hints within this process: that steps may be claimed, that a task has ended, that something happened at all. Losing one costs time only; whoever waits
/// also looks for itself from time to time.
#[derive(Debug, Default)]
pub struct Wakeups {
    sessions: Mutex<Vec<Weak<Session>>>,
    /// Where the search for a worker that takes new steps begins.
    turn: AtomicUsize,
    ends: Mutex<HashMap<TaskId, Vec<oneshot::Sender<TaskState>>>>,
    sweep: Notify,
    webhooks: Notify,
    events: watch::Sender<()>,
}

/// Tells when this process has written to the event log. Losing a hint costs time only.
#[derive(Clone, Debug)]
pub struct EventWatch(watch::Receiver<()>);

impl EventWatch {
    /// Resolves when something was written since the last call of this or of [`EventWatch::seen`]; never where nothing is.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What was written so far is about to be read.
    pub fn seen(&mut self) {
        self.0.mark_unchanged();
    }
}

impl Wakeups {
    pub(super) fn add(&self, session: &Arc<Session>) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|known| known.strong_count() > 0);
        sessions.push(Arc::downgrade(session));
    }

    /// Tells those who follow the log.
    pub(super) fn logged(&self) {
        self.events.send_replace(());
    }

    /// Wakes the workers that serve one of these routes, but not `but_not`, which was asked already.
    pub(super) fn enqueued(&self, routes: &BTreeSet<Route>, but_not: Option<&Session>) {
        if routes.is_empty() {
            return;
        }
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        for session in sessions.iter().filter_map(Weak::upgrade) {
            let is_same = but_not.is_some_and(|other| std::ptr::eq(Arc::as_ptr(&session), other));
            if !is_same && routes.iter().any(|route| session.serves(route)) {
                session.wake();
            }
        }
    }

    /// Whether any worker takes steps that it did not ask for.
    pub(super) fn has_intakes(&self) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().filter_map(Weak::upgrade).any(|session| session.intake().is_some())
    }

    /// Sets slots aside at one of the workers that serve a route and have room: up to `want`.
    pub(super) fn reserve(&self, route: &Route, want: usize) -> Option<(Arc<Session>, Arc<dyn Intake>, usize)> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % sessions.len().max(1);
        let (later, first) = sessions.split_at(turn);
        let serving = first.iter().chain(later).filter_map(Weak::upgrade).filter(|session| session.serves(route));
        serving.filter_map(|session| session.intake().map(|intake| (session, intake))).find_map(|(session, intake)| {
            let reserved = intake.reserve(want);
            (reserved > 0).then_some((session, intake, reserved))
        })
    }

    /// Tells those who wait for these tasks.
    pub(super) fn ended(&self, tasks: &[(TaskId, TaskState)]) {
        if tasks.is_empty() {
            return;
        }
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (task_id, state) in tasks {
            for waiter in ends.remove(task_id).unwrap_or_default() {
                // A waiter that has gone away needs no answer.
                let _ = waiter.send(*state);
            }
        }
    }

    /// Resolves when this process ends the task; its end elsewhere is not seen.
    pub(super) fn end_of(&self, task_id: TaskId) -> oneshot::Receiver<TaskState> {
        let (sender, receiver) = oneshot::channel();
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let waiters = ends.entry(task_id).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(sender);
        receiver
    }

    /// Forgets those who no longer wait for a task.
    pub(super) fn forget_end_of(&self, task_id: TaskId) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiters) = ends.get_mut(&task_id) {
            waiters.retain(|waiter| !waiter.is_closed());
            if waiters.is_empty() {
                ends.remove(&task_id);
            }
        }
    }

    /// Has the sweeper look again when its next work is due.
    pub(super) fn due_changed(&self) {
        self.sweep.notify_one();
    }

    /// Has those who send to webhooks look at them.
    pub(super) fn webhooks_changed(&self) {
        self.webhooks.notify_one();
    }

    pub(super) async fn wait_webhooks_changed(&self) {
        self.webhooks.notified().await;
    }

    pub(super) fn watch_events(&self) -> EventWatch {
        EventWatch(self.events.subscribe())
    }

    pub(super) async fn wait_due_changed(&self) {
        self.sweep.notified().await;
    }
}
