use std::ops::Range;

use super::Graph;
use crate::{model::StepPlace, template::Template};

/// What a task may have to do before it ends: undo what was done, and run its `finally`.
#[derive(Debug)]
pub struct EndWork {
    /// The steps of `finally`.
    pub finally: Range<u32>,
    /// Each compensation with the step that it undoes, in the order in which they run: a step is undone before any step that
    /// comes before it.
    pub compensations: Vec<(u32, u32)>,
}

impl EndWork {
    /// Of a template with all its steps, of which the first `own` are those that a task begins with.
    pub(super) fn new(template: &Template, graph: &Graph, own: usize) -> Self {
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        let finally = own..own + u32::try_from(template.finally.len()).unwrap_or(0);
        let undone = (0..own).zip(&template.steps).filter(|(_, step)| step.compensate.is_some());
        let mut compensations: Vec<_> = (finally.end..).zip(undone.map(|(idx, _)| idx)).collect();
        let place = |step: u32| graph.order().iter().position(|other| *other == step);
        compensations.sort_by_key(|(_, step)| std::cmp::Reverse(place(*step)));
        Self { finally, compensations }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.finally.is_empty() && self.compensations.is_empty()
    }

    /// Whether a step of a task is one that it begins with, or a part of one.
    #[must_use]
    pub fn is_own(&self, idx: u32) -> bool {
        StepPlace::of(idx).step < self.finally.start
    }

    /// The step that a compensation undoes; none for any other step.
    #[must_use]
    pub fn compensates(&self, idx: u32) -> Option<u32> {
        self.compensations.iter().find(|(compensation, _)| *compensation == idx).map(|(_, step)| *step)
    }

    /// Whether a step may have to be undone.
    #[must_use]
    pub fn is_undone(&self, idx: u32) -> bool {
        self.compensations.iter().any(|(_, step)| *step == idx)
    }
}
