//! What makes a graph more than a fixed one: decisions, skipping, what becomes of a step that has failed for good.
//!
//! Everything here works on the same rows, in the same decision, as plain steps; the rules of a step come from its template
//! (`dag::Rules`), and plain steps have none.

mod batch;
mod begin;
mod decision;
mod ending;
mod exhaust;
mod publish;
mod skip;
mod split;
mod wait;
mod workflow;

pub(super) use decision::{Chosen, chosen};
pub(super) use publish::publications;
pub(super) use split::is_fed;
pub(super) use workflow::{Spawn, child_of};

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::working::Working;
use crate::{
    dag::{Rules, Submission},
    model::{Json, StepPlace, TaskId},
};

/// What a decision must read of one task besides its rows: its input, and results of its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub task_id: TaskId,
    /// Steps whose results are read; those that have none are left out of the answer.
    pub results: Vec<u32>,
    /// Steps of which the results of all parts are read.
    pub parts: Vec<u32>,
}

/// What was read for a [`Wanted`].
#[derive(Clone, Debug, Default)]
pub struct Values {
    pub input: Arc<Value>,
    pub correlation_id: Option<Arc<str>>,
    /// Every step that was asked for, with its result if it has one.
    pub results: BTreeMap<u32, Option<Arc<Value>>>,
    /// By the step that they belong to: the results of parts, as far as they have one.
    pub parts: BTreeMap<u32, Arc<BTreeMap<u32, Json>>>,
}

impl Values {
    /// Those of a task that is about to be stored.
    #[must_use]
    pub fn of_submission(submission: &Submission) -> Self {
        Self::new(&submission.context, submission.correlation_id.as_deref(), &[], &[])
    }

    /// The values of an input and of results, as they are stored.
    #[must_use]
    pub fn new(input: &Json, correlation_id: Option<&str>, asked: &[u32], results: &[(u32, Json)]) -> Self {
        let mut values: BTreeMap<_, _> = asked.iter().map(|idx| (*idx, None)).collect();
        values.extend(results.iter().map(|(idx, result)| (*idx, Some(Arc::new(result.to_value())))));
        Self {
            input: Arc::new(input.to_value()),
            correlation_id: correlation_id.map(Into::into),
            results: values,
            parts: BTreeMap::new(),
        }
    }

    /// The same with the results of every part of some steps.
    #[must_use]
    pub fn with_parts(mut self, asked: &[u32], results: &[(u32, Json)]) -> Self {
        let of = |head: u32| {
            let of_head = results.iter().filter(|(idx, _)| StepPlace::parts_of(head).contains(idx));
            (head, Arc::new(of_head.cloned().collect()))
        };
        self.parts.extend(asked.iter().map(|head| of(*head)));
        self
    }
}

impl Working {
    /// The rules of a step; none for a plain one.
    pub(super) fn rules(&self, idx: u32) -> Option<&Rules> {
        self.definition.as_ref()?.rules(idx)
    }

    /// The rules of a step, to be kept while the task is changed.
    fn rules_held(&self, idx: u32) -> Option<HeldRules> {
        self.rules(idx)?;
        Some(HeldRules { definition: Arc::clone(self.definition.as_ref()?), idx })
    }
}

/// Rules that do not borrow from the task.
struct HeldRules {
    definition: Arc<crate::dag::Definition>,
    idx: u32,
}

impl HeldRules {
    fn get(&self) -> &Rules {
        match self.definition.rules(self.idx) {
            Some(rules) => rules,
            None => unreachable!("they were there when this was made"),
        }
    }
}
