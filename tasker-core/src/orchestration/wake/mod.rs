//! Hints, within this process and between processes: that steps may be claimed, that a task has ended, that something happened at
//! all. Losing one costs time only: whoever waits also looks for itself from time to time.

mod carrier;
mod message;
mod outbox;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::{Notify, oneshot, watch};

pub use self::carrier::Dial;
pub(super) use self::{carrier::Carrier, message::Roles};
use self::{message::Hints, outbox::Outbox};
use super::{hand::Intake, report::Session};
use crate::{
    model::{TaskId, TaskState},
    state::{Changes, Route},
};

/// Those who wait for something in this process, and what others are told.
#[derive(Debug, Default)]
pub struct Wakeups {
    sessions: Mutex<Vec<Weak<Session>>>,
    /// Where the search for a worker that takes new steps begins.
    turn: AtomicUsize,
    ends: Mutex<HashMap<TaskId, Vec<oneshot::Sender<()>>>>,
    sweep: Notify,
    webhooks: Notify,
    events: watch::Sender<()>,
    /// What this process does.
    roles: AtomicU8,
    outboxes: Mutex<Vec<Arc<Outbox>>>,
    /// How often other processes have registered templates.
    registrations: AtomicU64,
}

/// Tells when something was written to the event log, by this process or by one that it hears of. Losing a hint costs time only.
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
        drop(sessions);
        self.take_on(Roles::WORKS);
    }

    /// Tells those who follow the log.
    pub(super) fn logged(&self) {
        self.events.send_replace(());
        self.tell(Roles::FOLLOWS, |hints| hints.logged = true);
    }

    /// Tells other processes of a template.
    pub(super) fn registered(&self) {
        self.tell(Roles::WORKS, |hints| hints.registered = true);
    }

    /// How often other processes have registered templates, as far as this one has heard.
    pub(super) fn registrations(&self) -> u64 {
        self.registrations.load(Ordering::Relaxed)
    }

    /// Tells of what was written.
    pub(super) fn committed(&self, changes: &Changes, asker: Option<&Session>) {
        self.enqueued(&changes.enqueued, asker);
        self.revoked(&changes.revoked);
        self.ended(&changes.ended);
        if !changes.events.is_empty() {
            self.logged();
        }
    }

    /// Wakes the workers that serve one of these routes, but not `but_not`, which was asked already.
    pub(super) fn enqueued(&self, routes: &BTreeSet<Route>, but_not: Option<&Session>) {
        if routes.is_empty() {
            return;
        }
        self.tell(Roles::WORKS, |hints| hints.steps.add(routes.iter().cloned()));
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        for session in sessions.iter().filter_map(Weak::upgrade) {
            let is_same = but_not.is_some_and(|other| std::ptr::eq(Arc::as_ptr(&session), other));
            if !is_same && routes.iter().any(|route| session.serves(route)) {
                session.wake();
            }
        }
    }

    /// Tells the workers that attempts of these tasks may have been taken from them.
    fn revoked(&self, tasks: &BTreeSet<TaskId>) {
        if tasks.is_empty() {
            return;
        }
        self.tell(Roles::WORKS, |hints| hints.revoked.add(tasks.iter().copied()));
        let revoked = tasks.iter().copied().collect();
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().filter_map(Weak::upgrade).for_each(|session| session.revoke(&revoked));
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
    fn ended(&self, tasks: &[(TaskId, TaskState)]) {
        if tasks.is_empty() {
            return;
        }
        self.tell(Roles::WAITS, |hints| hints.ended.add(tasks.iter().map(|(task_id, _)| *task_id)));
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (task_id, _) in tasks {
            answer(ends.remove(task_id));
        }
    }

    /// Resolves when the task has ended, as far as this process hears of it.
    pub(super) fn end_of(&self, task_id: TaskId) -> oneshot::Receiver<()> {
        self.take_on(Roles::WAITS);
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

    /// Has those who send to webhooks in this process look at them.
    pub(super) fn webhooks_changed(&self) {
        self.webhooks.notify_one();
    }

    pub(super) async fn wait_webhooks_changed(&self) {
        self.webhooks.notified().await;
    }

    pub(super) fn watch_events(&self) -> EventWatch {
        self.take_on(Roles::FOLLOWS);
        EventWatch(self.events.subscribe())
    }

    pub(super) async fn wait_due_changed(&self) {
        self.sweep.notified().await;
    }

    /// Whether this process hears what happens in others, as far as can be known.
    pub(super) fn is_carried(&self) -> bool {
        self.outboxes.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|outbox| outbox.is_carried())
    }

    /// How many other processes sweep, as far as it is known.
    pub(super) fn other_sweepers(&self) -> usize {
        let outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        outboxes.iter().filter(|outbox| outbox.is_carried()).map(|outbox| outbox.sweepers()).max().unwrap_or_default()
    }

    /// From now on this process does that too.
    pub(super) fn take_on(&self, role: Roles) {
        let before = Roles(self.roles.fetch_or(role.0, Ordering::Relaxed));
        if !before.has(role) {
            self.outboxes.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|outbox| outbox.ring());
        }
    }

    fn roles(&self) -> Roles {
        Roles(self.roles.load(Ordering::Relaxed))
    }

    /// Has other processes told.
    fn tell(&self, listeners: Roles, add: impl Fn(&mut Hints)) {
        let outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        outboxes.iter().for_each(|outbox| outbox.put(listeners, &add));
    }

    fn open_outbox(&self) -> Arc<Outbox> {
        let outbox = Arc::new(Outbox::default());
        self.outboxes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&outbox));
        if self.roles() != Roles::default() {
            outbox.ring();
        }
        outbox
    }

    /// Tells those in this process of what happened in another.
    fn deliver(&self, hints: &Hints) {
        // First of all: who is woken looks by the routes that he knows.
        if hints.registered {
            self.registrations.fetch_add(1, Ordering::Relaxed);
        }
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        for session in sessions.iter().filter_map(Weak::upgrade) {
            let is_meant = match hints.steps.names() {
                Some(routes) => routes.iter().any(|route| session.serves(route)),
                None => true,
            };
            if is_meant {
                session.wake();
            }
            session.revoke(&hints.revoked);
        }
        drop(sessions);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        match hints.ended.names() {
            Some(tasks) => tasks.iter().for_each(|task_id| answer(ends.remove(task_id))),
            None => ends.drain().for_each(|(_, waiters)| answer(Some(waiters))),
        }
        drop(ends);
        if hints.logged {
            self.events.send_replace(());
        }
    }
}

fn answer(waiters: Option<Vec<oneshot::Sender<()>>>) {
    for waiter in waiters.unwrap_or_default() {
        // A waiter that has gone away needs no answer.
        let _ = waiter.send(());
    }
}
