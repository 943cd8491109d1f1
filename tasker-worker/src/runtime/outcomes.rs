use std::collections::VecDeque;

use tasker_core::model::{Report, TaskId};
use tokio::time::Instant;

/// The outcomes that the coordinator has not yet confirmed, in lanes: each lane has one report under way at a time.
///
/// The outcomes of a task are all in one lane. They arrive in order, and reports that are under way together never wait for
/// the same task's lock.
pub(super) struct Outcomes {
    lanes: Vec<Lane>,
}

#[derive(Default)]
pub(super) struct Lane {
    waiting: VecDeque<Report>,
    /// Those that were refused by themselves, each with the time of the next try.
    set_aside: VecDeque<(Instant, Report)>,
    /// How many are in the report that is under way; none if none is.
    under_way: Option<usize>,
}

impl Outcomes {
    pub(super) fn new(lanes: usize) -> Self {
        Self { lanes: std::iter::repeat_with(Lane::default).take(lanes.max(1)).collect() }
    }

    pub(super) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    pub(super) fn lane_mut(&mut self, lane: usize) -> &mut Lane {
        let count = self.lanes.len();
        &mut self.lanes[lane % count]
    }

    pub(super) fn push(&mut self, report: Report) {
        let lane = lane_of(report.lease.task_id, self.lanes.len());
        self.lane_mut(lane).waiting.push_back(report);
    }

    pub(super) fn waiting(&self) -> usize {
        self.lanes.iter().map(Lane::waiting).sum()
    }

    /// Those that a report has left behind, and that keep their slots.
    pub(super) fn aside(&self) -> usize {
        self.lanes.iter().map(|lane| lane.set_aside.len()).sum()
    }

    pub(super) fn count(&self) -> usize {
        self.waiting() + self.aside() + self.lanes.iter().filter_map(|lane| lane.under_way).sum::<usize>()
    }

    /// Whether there are none, and no call is under way that could bring more.
    pub(super) fn is_flushed(&self) -> bool {
        self.waiting() == 0 && self.aside() == 0 && self.lanes.iter().all(Lane::is_free)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.lanes.iter_mut().for_each(|lane| *lane = Lane::default());
    }
}

impl Lane {
    /// Whether no report is under way.
    pub(super) fn is_free(&self) -> bool {
        self.under_way.is_none()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
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
}

/// The last bits of a task's id are random.
fn lane_of(task_id: TaskId, lanes: usize) -> usize {
    usize::from(task_id.0.as_bytes()[15]) % lanes
}
