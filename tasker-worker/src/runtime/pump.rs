use std::{collections::HashSet, future::pending, pin::Pin, sync::Arc, time::Duration};

use futures::FutureExt;
use tasker_core::{
    model::{Lease, Report, Reported, TaskId, Verdict, limits},
    state::Look,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};
use tracing::{error, info};

use super::{outage::Outage, pace::Pace, shared::Shared};
use crate::coordinator::{Coordinator, Error};

/// Carries outcomes to the coordinator and steps back, one report at a time.
///
/// What piles up while a report is under way makes up the next one: a lone outcome leaves at once, and a crowd shares the
/// cost of a commit. No timer holds anything back.
pub(super) struct Pump {
    shared: Arc<Shared>,
    coordinator: Arc<dyn Coordinator>,
    pace: Pace,
    outage: Outage,
    /// Outcomes in one report at most; less while one of them is being searched that the coordinator refuses.
    batch_max: usize,
}

/// Refusals in a row that are taken for the search for one outcome; after that every report is refused, and the pump waits
/// between two of them.
const SEARCH_MAX: u32 = 12;
/// When an outcome that was refused by itself is tried again.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);

struct Flush {
    reports: Vec<Report>,
    want: usize,
    look: Look,
}

type Woken<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl Pump {
    pub(super) fn new(shared: Arc<Shared>, coordinator: Arc<dyn Coordinator>, poll_interval_max: Duration) -> Self {
        let pace = Pace::new(poll_interval_max, Instant::now());
        Self { shared, coordinator, pace, outage: Outage::new("reporting and claiming"), batch_max: limits::REPORT }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        let coordinator = Arc::clone(&self.coordinator);
        // One wait is kept across reports, so that a wake-up during one of them is not lost.
        let mut woken: Woken<'_> = coordinator.woken();
        loop {
            if woken.as_mut().now_or_never().is_some() {
                self.pace.wake();
                woken = coordinator.woken();
            }
            match self.next() {
                Next::Flush(flush) => self.flush(flush).await,
                Next::Wait(poll_at) => tokio::select! {
                    () = self.shared.pump.notified() => {
                        // Handlers that are about to end go first, so that their outcomes leave together.
                        yield_now().await;
                    }
                    () = &mut woken => {
                        self.pace.wake();
                        woken = coordinator.woken();
                    }
                    () = until(poll_at) => {}
                },
            }
        }
    }

    fn next(&self) -> Next {
        let mut ledger = self.shared.ledger();
        let now = Instant::now();
        let want = ledger.free().min(limits::REPORT);
        let look = self.pace.look(now, want);
        let report_at = ledger.outcomes.due_at(now);
        if look != Look::Nowhere || report_at.is_some_and(|report_at| report_at <= now) {
            return Next::Flush(Flush { reports: ledger.outcomes.next(self.batch_max, now), want, look });
        }
        let poll_at = (want > 0).then(|| self.pace.poll_at());
        Next::Wait(poll_at.into_iter().chain(report_at).min())
    }

    async fn flush(&mut self, Flush { reports, want, look }: Flush) {
        let asked_at = Instant::now();
        match self.coordinator.report(&reports, want, look).await {
            Ok(reported) => {
                self.outage.succeeded(Instant::now());
                self.batch_max = (self.batch_max * 2).min(limits::REPORT);
                let brought = reported.assignments.len();
                let is_from_queue = look != Look::Nowhere && is_from_queue(&reports, &reported);
                self.pace.looked(Instant::now(), look, want, brought, is_from_queue);
                tell_refusals(&reports, &reported.verdicts);
                let is_sooner = self.shared.update(|ledger| {
                    ledger.outcomes.confirm();
                    ledger.arrive(reported.assignments, asked_at)
                });
                if is_sooner {
                    self.shared.renewal.notify_one();
                }
            }
            Err(error) => self.keep(reports, &error).await,
        }
    }

    /// Keeps the outcomes of a report that failed, and waits before the next.
    async fn keep(&mut self, reports: Vec<Report>, error: &Error) {
        let delay = self.outage.failed(error, Instant::now());
        let is_refused = !error.is_transient() && !reports.is_empty();
        if is_refused {
            self.single_out(reports, error);
        } else {
            self.shared.update(|ledger| ledger.outcomes.keep(reports));
        }
        if !is_refused || self.outage.tries() > SEARCH_MAX {
            sleep(delay).await;
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
