use std::{
    collections::HashSet,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};

use tasker_core::{
    model::{Lease, Report, Reported, TaskId, Verdict, limits},
    state::Look,
};
use tokio::time::Instant;
use tracing::{error, info};

use super::{
    ledger::{Ledger, Phase},
    outage::Outage,
    outcomes::Lane,
    pace::Pace,
    shared::Shared,
};
use crate::{
    coordinator::{self, Coordinator, Error},
    here::{Driven, Here},
};

/// Carries reports: what goes into the next one, and what becomes of it. The pump does so in a task, and a thread that has
/// nothing else to do on the spot.
pub(super) struct Carrier {
    shared: Arc<Shared>,
    coordinator: Arc<dyn Coordinator>,
    here: Here,
    course: Mutex<Course>,
    tended: Mutex<Tended>,
    /// Calls the thread that looks after a report.
    waker: Waker,
}

/// The report that a thread which must not wait looks after between other things: each time that it is called. If it does not
/// come for a while, the report is taken from it.
#[derive(Default)]
struct Tended {
    report: Option<(Work, Arc<AtomicUsize>)>,
    begun_at: Option<Instant>,
    /// The pump looks every few milliseconds.
    is_watched: bool,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// When reports leave.
struct Course {
    pace: Pace,
    outage: Outage,
    /// Outcomes in one report at most; less while one of them is being searched that the coordinator refuses.
    batch_max: usize,
    /// One of the reports under way looks into the queues. Two that did so together would get in each other's way.
    is_looking: bool,
    /// After a failure nothing is sent before this.
    resume_at: Option<Instant>,
    /// When the pump goes on by itself.
    pump_until: Option<Instant>,
}

/// Refusals in a row that are taken for the search for one outcome; after that every report is refused, and the pump waits
/// between two of them.
const SEARCH_MAX: u32 = 12;
/// When an outcome that was refused by itself is tried again.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);
/// How long a thread carries a report before it leaves it to a task. Meanwhile it does not see what else there is to do.
const HERE_MAX: Duration = Duration::from_millis(2);

/// How long the pump goes on watching a thread that looks after reports, rather than be woken by each.
const WATCH: Duration = Duration::from_millis(20);
/// Outcomes that a thread which must not wait sends itself. To decide on more takes longer than to wake another thread.
const SET_OUT_MAX: usize = 4;

/// One report of a lane.
pub(super) struct Flush {
    lane: usize,
    reports: Vec<Report>,
    want: usize,
    look: Look,
    asked_at: Instant,
    /// What was known of the queues when it left.
    hints: u64,
    /// Of the steps that it brings, so many are taken by the thread that carries it; nobody has to be woken for these.
    taken_here: Arc<AtomicUsize>,
}

/// A report that was answered.
pub(super) struct Landed {
    flush: Flush,
    reported: coordinator::Result<Reported>,
}

pub(super) enum Next {
    Flush(Flush),
    /// Until something happens, or this time comes.
    Wait(Option<Instant>),
}

impl Carrier {
    pub(super) fn new(
        shared: Arc<Shared>,
        coordinator: Arc<dyn Coordinator>,
        here: Here,
        poll_interval_max: Duration,
    ) -> Self {
        let course = Mutex::new(Course {
            pace: Pace::new(poll_interval_max, Instant::now()),
            outage: Outage::new("reporting and claiming"),
            batch_max: limits::REPORT,
            is_looking: false,
            resume_at: None,
            pump_until: None,
        });
        let waker = Waker::from(Arc::clone(&shared));
        Self { shared, coordinator, here, course, tended: Mutex::default(), waker }
    }

    /// Whether every process tells of the steps that it enqueues.
    pub(super) fn set_told(&self, is_told: bool) {
        self.course().pace.set_told(is_told, Instant::now());
    }

    /// There may be steps in the queues.
    pub(super) fn look_again(&self) {
        self.course().pace.wake();
    }

    /// The next report of a free lane, if there is anything to send or to look for. For the pump alone.
    pub(super) fn next(&self) -> Next {
        let now = Instant::now();
        let watch_at = self.watch(now);
        let mut course = self.course();
        let mut ledger = self.shared.ledger();
        ledger.is_queue_empty = course.pace.is_believed_empty();
        ledger.has_left = false;
        match course.due(&ledger, now) {
            Due::Now(lane, want, look) => Next::Flush(course.flush(&mut ledger, lane, want, look, now)),
            Due::At(due_at) => {
                course.pump_until = due_at.into_iter().chain(watch_at).min();
                Next::Wait(course.pump_until)
            }
        }
    }

    /// Carries outcomes that wait on this thread, if there is nothing else to do: nothing to take, nothing to look for in the
    /// queues, and nothing that has failed. False if they are left to the pump.
    pub(super) fn carry_here(self: &Arc<Self>) -> bool {
        let Some(flush) = self.next_here(limits::REPORT) else { return false };
        let taken_here = Arc::clone(&flush.taken_here);
        taken_here.store(1, Ordering::Relaxed);
        let mut work: Work = Box::pin(Arc::clone(self).carry(flush));
        if self.here.drive(work.as_mut(), HERE_MAX) == Driven::Open {
            taken_here.store(0, Ordering::Relaxed);
            self.here.hand_over(work);
        }
        true
    }

    /// Takes the report that this thread looks after further, or begins one of few outcomes, under the same conditions. What it
    /// brings is for this thread to take; true if there is any.
    pub(super) fn tend(self: &Arc<Self>) -> bool {
        let mut tended = self.tended.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut work, taken_here) = match tended.report.take() {
            Some(report) => report,
            None => {
                let Some(flush) = self.next_here(SET_OUT_MAX) else { return false };
                let taken_here = Arc::clone(&flush.taken_here);
                taken_here.store(usize::MAX, Ordering::Relaxed);
                tended.begun_at = Some(Instant::now());
                if !tended.is_watched {
                    self.shared.pump.notify_one();
                }
                let work: Work = Box::pin(Arc::clone(self).carry(flush));
                (work, taken_here)
            }
        };
        if self.here.nudge(work.as_mut(), &self.waker) == Driven::Open {
            tended.report = Some((work, taken_here));
            return false;
        }
        self.shared.ledger().levels().to_poll > 0
    }

    /// Takes a report from a thread that does not look after it; when to look again.
    fn watch(&self, now: Instant) -> Option<Instant> {
        // A thread that is at it just now needs no watching.
        let Ok(mut tended) = self.tended.try_lock() else { return Some(now + HERE_MAX) };
        let begun_at = tended.begun_at?;
        if now >= begun_at + HERE_MAX
            && let Some((work, taken_here)) = tended.report.take()
        {
            taken_here.store(0, Ordering::Relaxed);
            self.here.hand_over(work);
        }
        tended.is_watched = now < begun_at + WATCH;
        tended.is_watched.then(|| now + HERE_MAX)
    }

    /// No thread carries anything any more when this returns.
    pub(super) fn close(&self) {
        self.here.close();
        let report = self.tended.lock().unwrap_or_else(PoisonError::into_inner).report.take();
        drop(report);
    }

    /// A report of `max` outcomes at most. What is due and not given out here is left to the pump; an outcome whose lane is not
    /// free leaves when it is.
    fn next_here(&self, max: usize) -> Option<Flush> {
        let now = Instant::now();
        let mut course = self.course();
        let mut ledger = self.shared.ledger();
        ledger.has_left = false;
        let is_due = |lane: &Lane| lane.is_free() && lane.waiting() > 0;
        let lane = ledger.outcomes.lanes().iter().position(is_due)?;
        let want = wanted(&ledger, lane);
        let is_otherwise_idle = ledger.outcomes.lanes()[lane].waiting() <= max
            && course.resume_at.is_none()
            && ledger.phase() == Phase::Open
            && ledger.levels().to_poll == 0
            && course.look(now, want) == Look::Nowhere;
        let flush = is_otherwise_idle.then(|| course.flush(&mut ledger, lane, want, Look::Nowhere, now));
        if ledger.outcomes.lanes().iter().any(is_due) {
            self.shared.pump.notify_one();
        }
        flush
    }

    /// Sends a report; none if the worker ends before the answer.
    pub(super) async fn send(self: Arc<Self>, flush: Flush) -> Option<Landed> {
        tokio::select! {
            biased;
            reported = self.coordinator.report(&flush.reports, flush.want, flush.look) => Some(Landed { flush, reported }),
            () = self.shared.ended.cancelled() => None,
        }
    }

    /// Sends a report and takes in what comes back, not on the pump, which is told if that leaves something for it.
    async fn carry(self: Arc<Self>, flush: Flush) {
        if let Some(landed) = Arc::clone(&self).send(flush).await {
            self.land(landed);
            if self.is_for_pump() {
                self.shared.pump.notify_one();
            }
        }
    }

    /// Whether there is something for the pump to do before it goes on by itself.
    fn is_for_pump(&self) -> bool {
        let course = self.course();
        match course.due(&self.shared.ledger(), Instant::now()) {
            Due::Now(..) => true,
            Due::At(due_at) => due_at.is_some_and(|at| course.pump_until.is_none_or(|pump_until| at < pump_until)),
        }
    }

    /// Takes in what a report has brought.
    pub(super) fn land(&self, Landed { flush, reported }: Landed) {
        let Flush { lane, reports, want, look, asked_at, hints, taken_here } = flush;
        let reported = {
            let mut course = self.course();
            course.is_looking &= look == Look::Nowhere;
            match reported {
                Ok(reported) => {
                    course.landed(look, want, hints, &reports, &reported);
                    reported
                }
                Err(error) => return self.keep(&mut course, lane, reports, want, &error),
            }
        };
        tell_refusals(&reports, &reported.verdicts);
        let is_sooner = self.shared.update_for(taken_here.load(Ordering::Relaxed), |ledger| {
            ledger.answered(lane, want, Lane::confirm);
            ledger.arrive(reported.assignments, asked_at)
        });
        if is_sooner {
            self.shared.renewal.notify_one();
        }
    }

    /// Keeps the outcomes of a report that failed, and waits before the next.
    fn keep(&self, course: &mut Course, lane: usize, reports: Vec<Report>, want: usize, error: &Error) {
        let delay = course.outage.failed(error, Instant::now());
        let is_refused = !error.is_transient() && !reports.is_empty();
        if is_refused {
            self.single_out(course, lane, reports, want, error);
        } else {
            self.shared.update(|ledger| ledger.answered(lane, want, |lane| lane.keep(reports)));
        }
        if !is_refused || course.outage.tries() > SEARCH_MAX {
            course.resume_at = Some(Instant::now() + delay);
        }
    }

    /// One of the outcomes may be why the report was refused: smaller and smaller reports find it, and it is set aside so
    /// that the others pass.
    fn single_out(&self, course: &mut Course, lane: usize, mut reports: Vec<Report>, want: usize, error: &Error) {
        course.batch_max = reports.len().div_ceil(2);
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

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the next report is due.
enum Due {
    /// Of this lane, for so many steps.
    Now(usize, usize, Look),
    At(Option<Instant>),
}

impl Course {
    fn due(&self, ledger: &Ledger, now: Instant) -> Due {
        if let Some(resume_at) = self.resume_at.filter(|resume_at| now < *resume_at) {
            return Due::At(Some(resume_at));
        }
        let mut due_at = None;
        for (number, lane) in ledger.outcomes.lanes().iter().enumerate().filter(|(_, lane)| lane.is_free()) {
            let want = wanted(ledger, number);
            let look = self.look(now, want);
            let report_at = lane.due_at(now);
            if look != Look::Nowhere || report_at.is_some_and(|report_at| report_at <= now) {
                return Due::Now(number, want, look);
            }
            let poll_at = (want > 0 && !self.is_looking).then(|| self.pace.poll_at());
            due_at = due_at.into_iter().chain(poll_at).chain(report_at).min();
        }
        Due::At(due_at)
    }

    fn look(&self, now: Instant, want: usize) -> Look {
        if self.is_looking { Look::Nowhere } else { self.pace.look(now, want) }
    }

    fn flush(&mut self, ledger: &mut Ledger, lane: usize, want: usize, look: Look, now: Instant) -> Flush {
        self.is_looking |= look != Look::Nowhere;
        self.resume_at = None;
        let reports = ledger.ask(lane, self.batch_max, want, now);
        Flush { lane, reports, want, look, asked_at: now, hints: self.pace.hints(), taken_here: Arc::default() }
    }

    fn landed(&mut self, look: Look, want: usize, hints: u64, reports: &[Report], reported: &Reported) {
        self.outage.succeeded(Instant::now());
        self.batch_max = (self.batch_max * 2).min(limits::REPORT);
        let brought = reported.assignments.len();
        let is_from_queue = look != Look::Nowhere && is_from_queue(reports, reported);
        self.pace.looked(Instant::now(), look, want, brought, is_from_queue, hints);
    }
}

/// How many steps a report of this lane may bring. The slots of outcomes that wait in other lanes are left to these, for
/// what follows upon them.
fn wanted(ledger: &Ledger, lane: usize) -> usize {
    let elsewhere = ledger.outcomes.waiting() - ledger.outcomes.lanes()[lane].waiting();
    ledger.free().saturating_sub(elsewhere).min(limits::REPORT)
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
