use std::{collections::HashSet, future::pending, pin::Pin, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use tasker_core::{
    model::{Lease, Report, Reported, TaskId, Verdict, limits},
    state::Look,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};
use tracing::{error, info};

use super::{
    outage::Outage,
    outcomes::{Half, Outcomes},
    pace::Pace,
    shared::Shared,
};
use crate::coordinator::{Coordinator, Error};

/// Carries outcomes to the coordinator and steps back.
///
/// What piles up while a report is under way makes up the next one: a lone outcome leaves at once, and a crowd shares the
/// cost of a commit. No timer holds anything back. A large crowd travels in two reports at the same time, each with the
/// outcomes of one half of the tasks: the database writes the one while handlers and engine work on the other.
pub(super) struct Pump {
    shared: Arc<Shared>,
    coordinator: Arc<dyn Coordinator>,
    pace: Pace,
    outage: Outage,
    /// Outcomes in one report at most; less while one of them is being searched that the coordinator refuses.
    batch_max: usize,
    /// Nothing leaves before this time: calls fail.
    rest_until: Option<Instant>,
    /// Calls under way, and the half of the tasks that one of them is about; none for all.
    under_way: usize,
    half: Option<Half>,
    /// Whether one of them looks into the queues.
    is_looking: bool,
    /// Calls that have left so far.
    left: u64,
}

/// Calls under way at most.
const LANES: usize = 2;
/// Outcomes of one half of the tasks for which a report of their own pays; fewer are better off in a common commit.
const HALF_MIN: usize = 32;
/// Refusals in a row that are taken for the search for one outcome; after that every report is refused, and the pump waits
/// between two of them.
const SEARCH_MAX: u32 = 12;
/// When an outcome that was refused by itself is tried again.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);

/// One call of the coordinator.
struct Flush {
    reports: Vec<Report>,
    half: Option<Half>,
    want: usize,
    look: Look,
    asked_at: Instant,
    /// Its place among the calls that have left; none if it left beside another.
    alone: Option<u64>,
}

type Woken<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl Pump {
    pub(super) fn new(shared: Arc<Shared>, coordinator: Arc<dyn Coordinator>, poll_interval_max: Duration) -> Self {
        Self {
            shared,
            coordinator,
            pace: Pace::new(poll_interval_max, Instant::now()),
            outage: Outage::new("reporting and claiming"),
            batch_max: limits::REPORT,
            rest_until: None,
            under_way: 0,
            half: None,
            is_looking: false,
            left: 0,
        }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        let coordinator = Arc::clone(&self.coordinator);
        // One wait is kept across reports, so that a wake-up during one of them is not lost.
        let mut woken: Woken<'_> = coordinator.woken();
        let mut calls = FuturesUnordered::new();
        loop {
            if woken.as_mut().now_or_never().is_some() {
                self.pace.wake();
                woken = coordinator.woken();
            }
            match self.next() {
                Next::Flush(flush) => calls.push(call(&*coordinator, flush)),
                Next::Wait(at) => tokio::select! {
                    Some((flush, answer)) = calls.next() => self.land(flush, answer),
                    () = self.shared.pump.notified() => {
                        // Handlers that are about to end go first, so that their outcomes leave together.
                        yield_now().await;
                    }
                    () = &mut woken => {
                        self.pace.wake();
                        woken = coordinator.woken();
                    }
                    () = until(at) => {}
                },
            }
        }
    }

    fn next(&mut self) -> Next {
        let shared = Arc::clone(&self.shared);
        let mut ledger = shared.ledger();
        let now = Instant::now();
        if let Some(rest_until) = self.rest_until.filter(|rest_until| *rest_until > now) {
            return Next::Wait(Some(rest_until));
        }
        let half = self.half(&ledger.outcomes);
        if self.under_way > 0 && half.is_none() {
            return Next::Wait(None);
        }
        let want = ledger.free().min(limits::REPORT);
        let look = if self.is_looking { Look::Nowhere } else { self.pace.look(now, want) };
        let report_at = ledger.outcomes.due_at(now);
        if look != Look::Nowhere || report_at.is_some_and(|report_at| report_at <= now) {
            let reports = ledger.outcomes.next(self.batch_max, half, now);
            ledger.ask(want);
            return Next::Flush(self.leave(reports, half, want, look, now));
        }
        let poll_at = (want > 0).then(|| self.pace.poll_at());
        Next::Wait(poll_at.into_iter().chain(report_at).min())
    }

    /// The half of the tasks that the next report is to be about; none if it takes all, and has to leave alone.
    fn half(&self, outcomes: &Outcomes) -> Option<Half> {
        let may_share = self.outage.tries() == 0 && self.under_way < LANES && outcomes.waiting() >= HALF_MIN;
        let pays = |half: &Half| outcomes.waiting_of(*half) >= HALF_MIN;
        match (may_share, self.under_way, self.half) {
            (false, ..) | (true, 1.., None) => None,
            (true, 1.., Some(half)) => Some(half.other()).filter(pays),
            (true, 0, _) => Some(Half::Even).filter(pays).filter(|half| pays(&half.other())),
        }
    }

    fn leave(&mut self, reports: Vec<Report>, half: Option<Half>, want: usize, look: Look, asked_at: Instant) -> Flush {
        self.left += 1;
        let alone = (self.under_way == 0).then_some(self.left);
        if self.under_way == 0 {
            self.half = half;
        }
        self.under_way += 1;
        self.is_looking |= look != Look::Nowhere;
        Flush { reports, half, want, look, asked_at, alone }
    }

    fn land(&mut self, flush: Flush, answer: Result<Reported, Error>) {
        let Flush { reports, half, want, look, asked_at, alone } = flush;
        self.under_way -= 1;
        // What is still under way is about the others.
        self.half = half.map(Half::other);
        self.is_looking &= look == Look::Nowhere;
        match answer {
            Ok(reported) => {
                self.outage.succeeded(Instant::now());
                self.rest_until = None;
                self.batch_max = (self.batch_max * 2).min(limits::REPORT);
                let is_short = reported.assignments.len() < want;
                let is_from_queue = look != Look::Nowhere && is_from_queue(&reports, &reported);
                self.pace.looked(Instant::now(), look, is_short, is_from_queue, alone == Some(self.left));
                tell_refusals(&reports, &reported.verdicts);
                let is_sooner = self.shared.update(|ledger| {
                    ledger.asked(want);
                    ledger.outcomes.confirm(reports.len());
                    ledger.arrive(reported.assignments, asked_at)
                });
                if is_sooner {
                    self.shared.renewal.notify_one();
                }
            }
            Err(error) => self.keep(reports, want, &error),
        }
    }

    /// Keeps the outcomes of a report that failed, and lets nothing leave for a while.
    fn keep(&mut self, reports: Vec<Report>, want: usize, error: &Error) {
        let delay = self.outage.failed(error, Instant::now());
        let is_refused = !error.is_transient() && !reports.is_empty();
        if !is_refused || self.outage.tries() > SEARCH_MAX {
            self.rest_until = Some(Instant::now() + delay);
        }
        self.shared.update(|ledger| ledger.asked(want));
        if is_refused {
            self.single_out(reports, error);
        } else {
            self.shared.update(|ledger| ledger.outcomes.keep(reports));
        }
    }

    /// One of the outcomes may be why the report was refused: smaller and smaller reports find it, and it is set aside so
    /// that the others pass.
    fn single_out(&mut self, mut reports: Vec<Report>, error: &Error) {
        self.batch_max = reports.len().div_ceil(2);
        match (reports.pop(), reports.is_empty()) {
            (Some(report), true) => {
                let Lease { task_id, step_idx: step, attempt } = report.lease;
                error!(%task_id, step, attempt, %error, "an outcome is refused; its step runs again if it stays so");
                self.shared.update(|ledger| ledger.outcomes.set_aside(report, Instant::now() + REFUSED_AGAIN));
            }
            (last, _) => {
                reports.extend(last);
                self.shared.update(|ledger| ledger.outcomes.keep(reports));
            }
        }
    }
}

async fn call(coordinator: &dyn Coordinator, flush: Flush) -> (Flush, Result<Reported, Error>) {
    let answer = coordinator.report(&flush.reports, flush.want, flush.look).await;
    (flush, answer)
}

enum Next {
    Flush(Flush),
    /// Until something happens, or this time comes.
    Wait(Option<Instant>),
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// Whether any step is of a task that nothing was reported about.
fn is_from_queue(reports: &[Report], reported: &Reported) -> bool {
    let tasks: HashSet<TaskId> = reports.iter().map(|report| report.lease.task_id).collect();
    reported.assignments.iter().any(|assignment| !tasks.contains(&assignment.lease.task_id))
}

fn tell_refusals(reports: &[Report], verdicts: &[Verdict]) {
    for (Report { lease, .. }, verdict) in reports.iter().zip(verdicts) {
        if *verdict != Verdict::Accepted {
            let (task_id, step, attempt) = (lease.task_id, lease.step_idx, lease.attempt);
            info!(%task_id, step, attempt, ?verdict, "an outcome came too late and was left out");
        }
    }
}
