use std::collections::VecDeque;

use tasker_core::model::Report;
use tokio::time::Instant;

/// The outcomes that the coordinator has not yet confirmed.
#[derive(Default)]
pub(super) struct Outcomes {
    waiting: VecDeque<Report>,
    /// Those that were refused by themselves, each with the time of the next try.
    set_aside: VecDeque<(Instant, Report)>,
    /// How many are in the report that is under way; none if none is.
    under_way: Option<usize>,
}

impl Outcomes {
    pub(super) fn push(&mut self, report: Report) {
        self.waiting.push_back(report);
    }

    /// The outcomes of the next report, oldest first; one that was refused by itself goes by itself again. The report is
    /// under way until it is confirmed, or its outcomes come back.
    pub(super) fn next(&mut self, max: usize, now: Instant) -> Vec<Report> {
        let again = self.set_aside.front().is_some_and(|(retry_at, _)| *retry_at <= now);
        let reports: Vec<_> = if again {
            self.set_aside.pop_front().into_iter().map(|(_, report)| report).collect()
        } else {
            let count = self.waiting.len().min(max);
            self.waiting.drain(..count).collect()
        };
        self.under_way = Some(reports.len());
        reports
    }

    /// When there are outcomes to report: at once, at a later time, or not before more come.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        if self.waiting.is_empty() { self.set_aside.front().map(|(retry_at, _)| *retry_at) } else { Some(now) }
    }

    pub(super) fn confirm(&mut self) {
        self.under_way = None;
    }

    /// Keeps the outcomes of a report that failed, in front of the others.
    pub(super) fn keep(&mut self, reports: Vec<Report>) {
        self.under_way = None;
        reports.into_iter().rev().for_each(|report| self.waiting.push_front(report));
    }

    /// Lets the others pass the outcome of a report that was refused.
    pub(super) fn set_aside(&mut self, report: Report, retry_at: Instant) {
        self.under_way = None;
        self.set_aside.push_back((retry_at, report));
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn aside(&self) -> usize {
        self.set_aside.len()
    }

    pub(super) fn count(&self) -> usize {
        self.waiting.len() + self.set_aside.len() + self.under_way.unwrap_or_default()
    }

    /// Whether there are none, and no call is under way that could bring more.
    pub(super) fn is_flushed(&self) -> bool {
        self.waiting.is_empty() && self.set_aside.is_empty() && self.under_way.is_none()
    }
}
