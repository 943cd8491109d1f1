//! The rows of the steps at hand.

use std::{collections::HashMap, ops::Range};

use super::{Working, WorkingStep};
use crate::{
    model::{BatchPart, Json, StepPlace, StepState},
    state::StepSnapshot,
};

impl Working {
    pub(in crate::state) fn step(&self, idx: u32) -> Option<&StepSnapshot> {
        self.at(idx).map(|at| &self.steps[at].row)
    }

    /// Every step at hand, ascending by index.
    pub(in crate::state) fn rows(&self) -> impl Iterator<Item = &StepSnapshot> {
        self.steps.iter().map(|step| &step.row)
    }

    /// The steps at hand whose indices are in a range, ascending.
    pub(in crate::state) fn rows_in(&self, range: Range<u32>) -> impl Iterator<Item = &StepSnapshot> {
        let from = self.steps.partition_point(|step| step.row.id.idx < range.start);
        let to = self.steps.partition_point(|step| step.row.id.idx < range.end);
        self.steps[from..to].iter().map(|step| &step.row)
    }

    pub(in crate::state) fn steps_in(&self, state: StepState) -> Vec<u32> {
        self.rows().filter(|step| step.state == state).map(|step| step.id.idx).collect()
    }

    /// How many dependencies each step waits for, with every step at hand.
    pub(in crate::state) fn count_unmet(&self) -> HashMap<u32, u32> {
        let mut unmet = HashMap::new();
        // The parts of a step are what it waits for once it has begun.
        let is_open = |step: &&StepSnapshot| !step.state.satisfies() && StepPlace::of(step.id.idx).part.is_none();
        for dependent in self.rows().filter(is_open).flat_map(|step| step.dependents.iter()) {
            *unmet.entry(*dependent).or_insert(0) += 1;
        }
        unmet
    }

    /// The result that a step was given in this decision.
    pub(in crate::state) fn fresh_result(&self, idx: u32) -> Option<&Json> {
        self.steps[self.at(idx)?].result.as_ref()
    }

    /// Whether a row may be changed: a step that was done before this decision never is.
    pub(in crate::state) fn may_be_written(&self, idx: u32) -> bool {
        self.at(idx).is_some_and(|at| self.steps[at].is_touched || !self.steps[at].row.state.satisfies())
    }

    /// The row of a step that is about to change.
    pub(in crate::state) fn touch(&mut self, idx: u32) -> Option<&mut StepSnapshot> {
        let at = self.at(idx)?;
        self.is_touched = true;
        self.steps[at].is_touched = true;
        Some(&mut self.steps[at].row)
    }

    pub(in crate::state) fn row_mut(&mut self, at: usize) -> &mut StepSnapshot {
        &mut self.steps[at].row
    }

    /// Adds rows to the task, which are written with this decision.
    pub(in crate::state) fn add(&mut self, head: u32, parts: impl Iterator<Item = (StepSnapshot, BatchPart)>) {
        let at = self.steps.partition_point(|step| step.row.id.idx < StepPlace::parts_of(head).start);
        let rows = parts.map(|(row, part)| WorkingStep {
            row,
            result: None,
            error: None,
            ended_at: None,
            is_touched: false,
            is_fresh: false,
            new: Some(Box::new(part)),
        });
        drop(self.steps.splice(at..at, rows));
    }

    /// Adds a row at its place.
    pub(in crate::state) fn place_row(&mut self, row: StepSnapshot) {
        let at = self.steps.partition_point(|step| step.row.id.idx < row.id.idx);
        let (result, error, ended_at) = (None, None, None);
        self.steps
            .insert(at, WorkingStep { row, result, error, ended_at, is_touched: true, is_fresh: false, new: None });
    }

    pub(super) fn at(&self, idx: u32) -> Option<usize> {
        self.steps.binary_search_by_key(&idx, |step| step.row.id.idx).ok()
    }
}
