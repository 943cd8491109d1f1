use std::{collections::HashSet, future::pending, pin::Pin, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use tasker_core::{
    model::{Lease, Report, Reported, TaskId, Verdict, Woken, limits},
    state::Look,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};
use tracing::{error, info};

use super::{ledger::Ledger, outage::Outage, outcomes::Lane, pace::Pace, shared::Shared};
use crate::coordinator::{self, Coordinator, Error};

/// Carries outcomes to the coordinator and steps back.
///
/// What piles up while the report of a lane is under way makes up its next one: a lone outcome leaves at once, and a crowd
/// shares the cost of a commit. No timer holds anything back.
pub(super) struct Pump {
    shared: Arc<Shared>,
    coordinator: Arc<dyn Coordinator>,
    pace: Pace,
    outage: Outage,
    /// Outcomes in one report at most; less while one of them is being searched that the coordinator refuses.
    batch_max: usize,
    /// One of the reports under way looks into the queues. Two that did so together would get in each other's way.
    is_looking: bool,
    /// After a failure nothing is sent before this.
    resume_at: Option<Instant>,
}

/// Refusals in a row that are taken for the search for one outcome; after that every report is refused, and the pump waits
/// between two of them.
const SEARCH_MAX: u32 = 12;
/// When an outcome that was refused by itself is tried again.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);

/// One report of a lane.
struct Flush {
    lane: usize,
    reports: Vec<Report>,
    want: usize,
    look: Look,
    asked_at: Instant,
    /// What was known of the queues when it left.
    hints: u64,
}

type Under<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Landed = (Flush, coordinator::Result<Reported>);

impl Pump {
    pub(super) fn new(shared: Arc<Shared>, coordinator: Arc<dyn Coordinator>, poll_interval_max: Duration) -> Self {
        Self {
            shared,
            coordinator,
            pace: Pace::new(poll_interval_max, Instant::now()),
            outage: Outage::new("reporting and claiming"),
            batch_max: limits::REPORT,
            is_looking: false,
            resume_at: None,
        }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        let coordinator = Arc::clone(&self.coordinator);
        // One wait is kept across reports, so that a wake-up during one of them is not lost.
        let mut woken: Under<'_, Woken> = coordinator.woken();
        let mut under_way: FuturesUnordered<Under<'_, Landed>> = FuturesUnordered::new();
        loop {
            if let Some(told) = woken.as_mut().now_or_never() {
                self.hear(&told);
                woken = coordinator.woken();
            }
            self.pace.set_told(coordinator.is_told(), Instant::now());
            match self.next() {
                Next::Flush(flush) => {
                    let coordinator = coordinator.as_ref();
                    under_way.push(Box::pin(async move {
                        let reported = coordinator.report(&flush.reports, flush.want, flush.look).await;
                        (flush, reported)
                    }));
                }
                Next::Wait(until) => tokio::select! {
                    Some((flush, reported)) = under_way.next() => self.land(flush, reported),
                    () = self.shared.pump.notified() => {
                        // Handlers that are about to end go first, so that their outcomes leave together.
                        yield_now().await;
                    }
                    told = &mut woken => {
                        self.hear(&told);
                        woken = coordinator.woken();
                    }
                    () = sleep_until_some(until) => {}
                },
            }
        }
    }

    fn hear(&mut self, told: &Woken) {
        if told.may_claim {
            self.pace.wake();
        }
        if !told.revoked.is_empty() && self.shared.ledger().doubt(&told.revoked, Instant::now()) {
            self.shared.renewal.notify_one();
        }
    }

    /// The next report of a free lane, if there is anything to send or to look for.
    fn next(&mut self) -> Next {
        let now = Instant::now();
        if let Some(resume_at) = self.resume_at {
            if now < resume_at {
                return Next::Wait(Some(resume_at));
            }
            self.resume_at = None;
        }
        let mut ledger = self.shared.ledger();
        ledger.is_queue_empty = self.pace.is_believed_empty();
        let mut wait_until = None;
        for lane in 0..ledger.outcomes.lanes().len() {
            if !ledger.outcomes.lanes()[lane].is_free() {
                continue;
            }
            let want = wanted(&ledger, lane);
            let look = if self.is_looking { Look::Nowhere } else { self.pace.look(now, want) };
            let report_at = ledger.outcomes.lanes()[lane].due_at(now);
            if look != Look::Nowhere || report_at.is_some_and(|report_at| report_at <= now) {
                self.is_looking |= look != Look::Nowhere;
                let reports = ledger.ask(lane, self.batch_max, want, now);
                return Next::Flush(Flush { lane, reports, want, look, asked_at: now, hints: self.pace.hints() });
            }
            let poll_at = (want > 0 && !self.is_looking).then(|| self.pace.poll_at());
            wait_until = wait_until.into_iter().chain(poll_at).chain(report_at).min();
        }
        Next::Wait(wait_until)
    }

    fn land(&mut self, flush: Flush, reported: coordinator::Result<Reported>) {
        let Flush { lane, reports, want, look, asked_at, hints } = flush;
        self.is_looking &= look == Look::Nowhere;
        match reported {
            Ok(reported) => {
                self.outage.succeeded(Instant::now());
                self.batch_max = (self.batch_max * 2).min(limits::REPORT);
                let brought = reported.assignments.len();
                let is_from_queue = look != Look::Nowhere && is_from_queue(&reports, &reported);
                self.pace.looked(Instant::now(), look, want, brought, is_from_queue, hints);
                tell_refusals(&reports, &reported.verdicts);
                let is_sooner = self.shared.update(|ledger| {
                    ledger.answered(lane, want, Lane::confirm);
                    ledger.arrive(reported.assignments, asked_at)
                });
                if is_sooner {
                    self.shared.renewal.notify_one();
                }
            }
            Err(error) => self.keep(lane, reports, want, &error),
        }
    }

    /// Keeps the outcomes of a report that failed, and waits before the next.
    fn keep(&mut self, lane: usize, reports: Vec<Report>, want: usize, error: &Error) {
        let delay = self.outage.failed(error, Instant::now());
        let is_refused = !error.is_transient() && !reports.is_empty();
        if is_refused {
            self.single_out(lane, reports, want, error);
        } else {
            self.shared.update(|ledger| ledger.answered(lane, want, |lane| lane.keep(reports)));
        }
        if !is_refused || self.outage.tries() > SEARCH_MAX {
            self.resume_at = Some(Instant::now() + delay);
        }
    }

    /// One of the outcomes may be why the report was refused: smaller and smaller reports find it, and it is set aside so
    /// that the others pass.
    fn single_out(&mut self, lane: usize, mut reports: Vec<Report>, want: usize, error: &Error) {
        self.batch_max = reports.len().div_ceil(2);
        match (reports.pop(), reports.is_empty()) {
            (Some(report), true) => {
                let Lease { task_id, step_idx: step, attempt } = report.lease;
                error!(%task_id, step, attempt, %error, "an outcome is refused; its step runs again if it stays so");
                let retry_at = Instant::now() + REFUSED_AGAIN;
                self.shared.update(|ledger| ledger.answered(lane, want, |lane| lane.set_aside(report, retry_at)));
            }
            (last, _) => {
                reports.extend(last);
                self.shared.update(|ledger| ledger.answered(lane, want, |lane| lane.keep(reports)));
            }
        }
    }
}

enum Next {
    Flush(Flush),
    /// Until something happens, or this time comes.
    Wait(Option<Instant>),
}

/// How many steps a report of this lane may bring. The slots of outcomes that wait in other lanes are left to these, for
/// what follows upon them.
fn wanted(ledger: &Ledger, lane: usize) -> usize {
    let elsewhere = ledger.outcomes.waiting() - ledger.outcomes.lanes()[lane].waiting();
    ledger.free().saturating_sub(elsewhere).min(limits::REPORT)
}

async fn sleep_until_some(at: Option<Instant>) {
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
