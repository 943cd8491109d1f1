use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde::Serialize;
use tasker_core::model::{Assignment, Json, Lease, Named, Outcome, Report, TaskId};
use tokio::time::Instant;
use tracing::debug;

use super::{
    attempt::{Assigned, Attempt, Fate},
    outcomes::{Lane, Outcomes},
};

/// Every attempt that the worker holds, what waits for takers, and what waits to be reported: the rules of the runtime,
/// without locks, tasks or clocks.
pub(super) struct Ledger {
    slots: usize,
    phase: Phase,
    attempts: HashMap<Lease, Attempt>,
    waiting: VecDeque<Assigned>,
    cancels: VecDeque<Lease>,
    /// Those that are set aside keep their slots, so that they cannot pile up.
    pub(super) outcomes: Outcomes,
    /// Slots that reports under way have asked steps for, or that are set aside.
    asked: usize,
    /// Outcomes wait of which the pump has not been told.
    pub(super) has_left: bool,
    /// Nothing is believed to be in the queues, so that steps which are not may be taken.
    pub(super) is_queue_empty: bool,
    /// When the next timeout is looked for, unless told otherwise.
    clock_at: Option<Instant>,
    /// When the next lease is looked for, unless told otherwise.
    renewal_at: Option<Instant>,
}

/// Where the worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nobody has polled yet, so that nothing is claimed.
    Started,
    Open,
    /// Nothing more is claimed or handed out.
    Draining,
    Ended,
}

/// What a poll finds.
#[expect(clippy::large_enum_variant, reason = "nearly every poll finds the large one")]
pub(super) enum Found {
    Assigned(Assigned),
    Cancel(Lease),
    End,
}

/// What a worker is doing at the moment. `slots` less the other counts but `outcomes` are free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Attempts that may be held at the same time.
    pub slots: usize,
    /// Claimed, and not yet begun by a handler.
    pub waiting: usize,
    /// Handlers that run.
    pub running: usize,
    /// Handlers that still run although their attempt is over: it timed out, or its lease was lost.
    pub blocked: usize,
    /// Outcomes that the coordinator has not yet confirmed.
    pub outcomes: usize,
}

/// How much there is of what others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) to_poll: usize,
    pub(super) outcomes: usize,
    pub(super) free: usize,
    pub(super) phase: Phase,
}

/// Between two extensions of one lease that heartbeats ask for.
const HEARTBEAT_MIN: Duration = Duration::from_secs(1);

/// How long a handler counts as one that may end any moment.
const JUST_BEGUN: Duration = Duration::from_micros(200);
/// With more attempts than this at a time, something always has just begun.
const FEW: usize = 16;

impl Ledger {
    /// `lanes` reports may be under way at the same time.
    pub(super) fn new(slots: usize, lanes: usize) -> Self {
        Self {
            slots,
            phase: Phase::Started,
            attempts: HashMap::with_capacity(slots.min(1_024)),
            waiting: VecDeque::new(),
            cancels: VecDeque::new(),
            outcomes: Outcomes::new(lanes),
            asked: 0,
            has_left: false,
            is_queue_empty: false,
            clock_at: None,
            renewal_at: None,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Moves on to a later phase; never back.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = self.phase.max(phase);
    }

    /// Attempts that may be claimed now.
    pub(super) fn free(&self) -> usize {
        let taken = self.attempts.len() + self.outcomes.aside() + self.asked;
        if self.phase == Phase::Open { self.slots.saturating_sub(taken) } else { 0 }
    }

    pub(super) fn levels(&self) -> Levels {
        let is_ended = self.phase == Phase::Ended;
        Levels {
            to_poll: self.waiting.len() + self.cancels.len() + usize::from(is_ended),
            outcomes: self.outcomes.waiting(),
            free: self.free(),
            phase: self.phase,
        }
    }

    /// The outcomes of a lane's next report, which asks for `want` steps. It is under way until it is
    /// [answered](Self::answered).
    pub(super) fn ask(&mut self, lane: usize, max: usize, want: usize, now: Instant) -> Vec<Report> {
        self.asked += want;
        self.outcomes.lane_mut(lane).next(max, now)
    }

    /// The report of a lane that asked for `want` steps is no longer under way; `settle` says what becomes of its outcomes.
    pub(super) fn answered(&mut self, lane: usize, want: usize, settle: impl FnOnce(&mut Lane)) {
        self.give_back(want);
        settle(self.outcomes.lane_mut(lane));
    }

    /// Sets slots aside for steps that nobody has asked for: up to `want`, and none while there may be others in the queues.
    pub(super) fn reserve(&mut self, want: usize) -> usize {
        let reserved = if self.is_queue_empty { self.free().min(want) } else { 0 };
        self.asked += reserved;
        reserved
    }

    /// Slots that were set aside are so no longer.
    pub(super) fn give_back(&mut self, reserved: usize) {
        self.asked = self.asked.saturating_sub(reserved);
    }

    /// Takes in claimed attempts; what comes too late goes back at once. True if a lease is due sooner than was known.
    pub(super) fn arrive(&mut self, assignments: Vec<Assignment>, asked_at: Instant) -> bool {
        let mut is_sooner = false;
        for assignment in assignments {
            if self.phase != Phase::Open {
                self.outcomes.push(Report { lease: assignment.lease, outcome: Outcome::Released });
                continue;
            }
            let attempt = Attempt::new(&assignment, asked_at);
            let cancellation = attempt.cancellation.clone();
            if self.renewal_at.is_none_or(|renewal_at| attempt.renew_at < renewal_at) {
                self.renewal_at = Some(attempt.renew_at);
                is_sooner = true;
            }
            self.attempts.insert(assignment.lease, attempt);
            self.waiting.push_back(Assigned { assignment, cancellation });
        }
        is_sooner
    }

    pub(super) fn take(&mut self) -> Option<Found> {
        while let Some(lease) = self.cancels.pop_front() {
            if self.attempts.contains_key(&lease) {
                return Some(Found::Cancel(lease));
            }
        }
        if let Some(assigned) = self.waiting.pop_front() {
            if let Some(attempt) = self.attempts.get_mut(&assigned.assignment.lease) {
                attempt.is_taken = true;
            }
            return Some(Found::Assigned(assigned));
        }
        (self.phase == Phase::Ended).then_some(Found::End)
    }

    /// The handler of a taken attempt begins. True if it times out before the next look at the clock.
    pub(super) fn begin(&mut self, lease: Lease, now: Instant) -> bool {
        let Some(attempt) = self.attempts.get_mut(&lease) else { return false };
        attempt.begun_at = Some(now);
        let Some(timeout_at) = attempt.timeout_at() else { return false };
        let is_sooner = self.clock_at.is_none_or(|clock_at| timeout_at < clock_at);
        if is_sooner {
            self.clock_at = Some(timeout_at);
        }
        is_sooner
    }

    /// Puts an attempt that was taken, and not begun, back in front of the others.
    pub(super) fn put_back(&mut self, assigned: Assigned) {
        let lease = assigned.assignment.lease;
        match self.attempts.get_mut(&lease) {
            Some(attempt) if self.phase == Phase::Open && attempt.fate == Fate::Wanted => {
                attempt.is_taken = false;
                self.waiting.push_front(assigned);
            }
            _ => self.answer(Report { lease, outcome: Outcome::Released }),
        }
    }

    /// An attempt has ended: its slot is free, and its outcome waits to be reported if it is still wanted.
    pub(super) fn answer(&mut self, report: Report) {
        let Some(attempt) = self.attempts.remove(&report.lease) else {
            debug!(lease = ?report.lease, "an outcome of an attempt that is not held was left out");
            return;
        };
        match attempt.fate {
            Fate::Wanted => self.outcomes.push(report),
            Fate::Stopping => self.outcomes.push(match report.outcome {
                Outcome::Succeeded { .. } | Outcome::Released => report,
                Outcome::Failed { .. } | Outcome::Abandoned => Report { outcome: Outcome::Abandoned, ..report },
            }),
            Fate::Unwanted => {}
        }
    }

    /// Whether outcomes wait that a handler which has just begun may soon add its own to: most handlers that are siblings and
    /// end at once end together.
    pub(super) fn is_more_to_come(&self, now: Instant) -> bool {
        let has_just_begun = |attempt: &Attempt| match attempt.begun_at {
            Some(begun_at) => now.saturating_duration_since(begun_at) < JUST_BEGUN,
            None => attempt.is_taken,
        };
        self.outcomes.waiting() > 0 && self.attempts.len() <= FEW && self.attempts.values().any(has_just_begun)
    }

    pub(super) fn fate(&self, lease: Lease) -> Fate {
        self.attempts.get(&lease).map_or(Fate::Unwanted, |attempt| attempt.fate)
    }

    /// Whether no attempt is held whose outcome is wanted.
    pub(super) fn is_idle(&self) -> bool {
        self.attempts.values().all(|attempt| attempt.fate == Fate::Unwanted)
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.outcomes.is_flushed() && self.asked == 0
    }

    /// Fails every attempt that has run out of time; answers when the next one does.
    pub(super) fn time_out(&mut self, now: Instant) -> Option<Instant> {
        let running = self.attempts.iter().filter(|(_, attempt)| attempt.fate == Fate::Wanted);
        let is_overdue = |attempt: &Attempt| attempt.timeout_at().is_some_and(|timeout_at| timeout_at <= now);
        let overdue: Vec<_> = running.filter(|(_, attempt)| is_overdue(attempt)).map(|(lease, _)| *lease).collect();
        for lease in overdue {
            if let Some(error) = self.attempts.get(&lease).map(Attempt::timeout_error) {
                self.outcomes.push(Report { lease, outcome: Outcome::failed(error) });
                self.cancel(lease, Fate::Unwanted);
            }
        }
        let running = self.attempts.values().filter(|attempt| attempt.fate == Fate::Wanted);
        self.clock_at = running.filter_map(Attempt::timeout_at).min();
        self.clock_at
    }

    /// The leases to extend now: those that are due, and those that soon will be, so that they share a call.
    pub(super) fn leases_due(&mut self, now: Instant) -> Vec<Lease> {
        let wanted = self.attempts.iter().filter(|(_, attempt)| attempt.fate != Fate::Unwanted);
        let due: Vec<_> = wanted
            .filter(|(_, attempt)| attempt.renew_at <= now + attempt.lease / 6)
            .map(|(lease, _)| *lease)
            .collect();
        let is_any_due = due.iter().any(|lease| self.attempts.get(lease).is_some_and(|it| it.renew_at <= now));
        if is_any_due { due } else { Vec::new() }
    }

    pub(super) fn extended(&mut self, lease: Lease, asked_at: Instant) {
        if let Some(attempt) = self.attempts.get_mut(&lease) {
            attempt.extended(asked_at);
        }
    }

    /// The lease belongs to nobody, or to another worker: what has not been taken is forgotten, a handler is stopped.
    pub(super) fn lose(&mut self, lease: Lease) {
        match self.attempts.get(&lease) {
            Some(attempt) if attempt.is_taken => self.cancel(lease, Fate::Unwanted),
            Some(_) => {
                self.attempts.remove(&lease);
                self.waiting.retain(|assigned| assigned.assignment.lease != lease);
            }
            None => {}
        }
    }

    /// Attempts of these tasks may have been taken away: their leases are to be asked for now. False if none is held.
    pub(super) fn doubt(&mut self, tasks: &Named<TaskId>, now: Instant) -> bool {
        let held = self
            .attempts
            .iter_mut()
            .filter(|(lease, attempt)| attempt.fate != Fate::Unwanted && tasks.has(&lease.task_id));
        let doubted = held.map(|(_, attempt)| attempt.renew_at = now).count();
        doubted > 0
    }

    /// When the next lease is due; none if none is held.
    pub(super) fn plan_renewal(&mut self) -> Option<Instant> {
        let wanted = self.attempts.values().filter(|attempt| attempt.fate != Fate::Unwanted);
        self.renewal_at = wanted.map(|attempt| attempt.renew_at).min();
        self.renewal_at
    }

    /// A handler says that it is alive. Whether its outcome is still wanted, and whether its lease is to be extended now.
    pub(super) fn heartbeat(&mut self, lease: Lease, progress: Option<Json>, now: Instant) -> (bool, bool) {
        let Some(attempt) = self.attempts.get_mut(&lease) else { return (false, false) };
        attempt.progress = progress.or(attempt.progress.take());
        let is_due = attempt.fate == Fate::Wanted && now >= attempt.extended_at + HEARTBEAT_MIN;
        if is_due {
            attempt.renew_at = now;
        }
        (attempt.fate == Fate::Wanted, is_due)
    }

    pub(super) fn progress(&self, lease: Lease) -> Option<Json> {
        self.attempts.get(&lease).and_then(|attempt| attempt.progress.clone())
    }

    /// Gives back everything that nobody has taken.
    pub(super) fn release_waiting(&mut self) {
        for assigned in std::mem::take(&mut self.waiting) {
            self.answer(Report { lease: assigned.assignment.lease, outcome: Outcome::Released });
        }
    }

    /// Asks every handler that still runs to stop.
    pub(super) fn stop_all(&mut self) {
        let wanted = self.attempts.iter().filter(|(_, attempt)| attempt.fate == Fate::Wanted);
        let leases: Vec<_> = wanted.map(|(lease, _)| *lease).collect();
        leases.into_iter().for_each(|lease| self.cancel(lease, Fate::Stopping));
    }

    /// Gives up every attempt that is still held; answers how many that were.
    pub(super) fn abandon_all(&mut self) -> usize {
        let leases: Vec<_> = self.attempts.keys().copied().collect();
        for lease in &leases {
            let has_begun = self.attempts.get(lease).is_some_and(|attempt| attempt.begun_at.is_some());
            self.answer(Report {
                lease: *lease,
                outcome: if has_begun { Outcome::Abandoned } else { Outcome::Released },
            });
        }
        leases.len()
    }

    /// Forgets everything and tells the handlers.
    pub(super) fn clear(&mut self) {
        self.attempts.drain().for_each(|(_, attempt)| attempt.cancellation.cancel());
        self.waiting.clear();
        self.outcomes.clear();
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = Stats { slots: self.slots, outcomes: self.outcomes.count(), ..Stats::default() };
        for attempt in self.attempts.values() {
            match (attempt.begun_at, attempt.fate) {
                (None, _) => stats.waiting += 1,
                (Some(_), Fate::Unwanted) => stats.blocked += 1,
                (Some(_), _) => stats.running += 1,
            }
        }
        stats
    }

    fn cancel(&mut self, lease: Lease, fate: Fate) {
        if let Some(attempt) = self.attempts.get_mut(&lease) {
            attempt.fate = fate;
            attempt.cancellation.cancel();
            self.cancels.push_back(lease);
        }
    }
}
