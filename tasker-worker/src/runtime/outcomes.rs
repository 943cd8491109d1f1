use std::collections::VecDeque;

use tasker_core::model::Report;
use tokio::time::Instant;

/// One half of all tasks. Two reports under way at the same time are of different halves: they never wait for each other's
/// locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Even,
    Odd,
}

impl Half {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    fn of(report: &Report) -> Self {
        let [.., last] = report.lease.task_id.0.as_bytes();
        if last % 2 == 0 { Self::Even } else { Self::Odd }
    }
}

/// The outcomes that the coordinator has not yet confirmed.
#[derive(Default)]
pub(super) struct Outcomes {
    waiting: VecDeque<Report>,
    /// Those that were refused by themselves, each with the time of the next try.
    set_aside: VecDeque<(Instant, Report)>,
    /// How many reports are under way, and how many outcomes are in them.
    reports: usize,
    under_way: usize,
}

impl Outcomes {
    pub(super) fn push(&mut self, report: Report) {
        self.waiting.push_back(report);
    }

    /// The outcomes of the next report, oldest first; one that was refused by itself goes by itself again. The report is
    /// under way until its outcomes are confirmed, or come back.
    pub(super) fn next(&mut self, max: usize, half: Option<Half>, now: Instant) -> Vec<Report> {
        let again = self.set_aside.front().is_some_and(|(retry_at, _)| *retry_at <= now);
        let reports: Vec<_> = if again {
            self.set_aside.pop_front().into_iter().map(|(_, report)| report).collect()
        } else if let Some(half) = half {
            let (of_half, others) = self.waiting.drain(..).partition(|report| Half::of(report) == half);
            self.waiting = others;
            Vec::from(of_half)
        } else {
            let count = self.waiting.len().min(max);
            self.waiting.drain(..count).collect()
        };
        self.reports += 1;
        self.under_way += reports.len();
        reports
    }

    /// How many outcomes of one half wait.
    pub(super) fn waiting_of(&self, half: Half) -> usize {
        self.waiting.iter().filter(|report| Half::of(report) == half).count()
    }

    /// When there are outcomes to report: at once, at a later time, or not before more come.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        if self.waiting.is_empty() { self.set_aside.front().map(|(retry_at, _)| *retry_at) } else { Some(now) }
    }

    /// A report of so many outcomes was taken.
    pub(super) fn confirm(&mut self, count: usize) {
        self.land(count);
    }

    /// Keeps the outcomes of a report that failed, in front of the others.
    pub(super) fn keep(&mut self, reports: Vec<Report>) {
        self.land(reports.len());
        reports.into_iter().rev().for_each(|report| self.waiting.push_front(report));
    }

    /// Lets the others pass the outcome of a report that was refused.
    pub(super) fn set_aside(&mut self, report: Report, retry_at: Instant) {
        self.land(1);
        self.set_aside.push_back((retry_at, report));
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn aside(&self) -> usize {
        self.set_aside.len()
    }

    pub(super) fn count(&self) -> usize {
        self.waiting.len() + self.set_aside.len() + self.under_way
    }

    /// Whether there are none, and no call is under way that could bring more.
    pub(super) fn is_flushed(&self) -> bool {
        self.waiting.is_empty() && self.set_aside.is_empty() && self.reports == 0
    }

    fn land(&mut self, count: usize) {
        self.reports = self.reports.saturating_sub(1);
        self.under_way = self.under_way.saturating_sub(count);
    }
}
