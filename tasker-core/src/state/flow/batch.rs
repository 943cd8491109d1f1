//! Batches: a step whose work is split into parts, each a step of its own.
//!
//! The step that the parts belong to waits until they are done. It is in no queue; its row keeps how far they have come
//! ([`BatchFlow`]), and each part has it as its only dependent, so that a report of a part reads and writes these two. Parts
//! that may not run yet are `pending` with one dependency unmet, which is the leave of that step.

use std::{collections::BTreeSet, fmt::Write, sync::Arc};

use serde_json::Value;

use super::split::{Split, items};
use crate::{
    dag::{BatchRules, Definition, part_name},
    model::{
        BatchFlow, BatchPart, BatchWork, Fact, FailureStrategy, Json, StepError, StepId, StepPlace, StepState, limits,
    },
    state::{StepCause, StepSnapshot, working::Working},
    template::OnExhaustion,
};

impl Working {
    /// How many parts the task may come to.
    pub(in crate::state) fn parts_max(&self, definition: &Definition) -> usize {
        let parts = (self.task.counts.total as usize).saturating_sub(definition.end_work.finally.start as usize);
        limits::BATCH.saturating_sub(parts)
    }

    /// Makes the parts of a step, which is at hand. They wait until it lets them go.
    pub(in crate::state) fn split(&mut self, split: &Split) {
        let head = split.worker;
        let (Some(row), Some(rules)) = (self.step(head).cloned(), self.rules_held(head)) else { return };
        let Some(batch) = &rules.get().batch else { return };
        if row.state.is_final() {
            return;
        }
        let of = u32::try_from(split.work.len()).unwrap_or(u32::MAX);
        let dependents: Arc<[u32]> = [head].into();
        let parts = (0..of).zip(&split.work).map(|(index, work)| {
            let row = StepSnapshot {
                id: StepId::new(row.id.task_id, StepPlace::part(head, index).idx()),
                name: part_name(&row.name, index).into(),
                queue: Arc::clone(&row.queue),
                handler: Arc::clone(&row.handler),
                state: StepState::Pending,
                attempt: 0,
                failures: 0,
                losses: 0,
                unmet: 1,
                dependents: Arc::clone(&dependents),
                due_at: None,
                worker_id: None,
                started_at: None,
                error: None,
                flow: None,
            };
            (row, BatchPart { index, of, work: work.clone() })
        });
        self.add(head, parts);
        self.task.counts.total += of;
        self.say(Fact::StepSplit { step: head, parts: of });
        let flow = BatchFlow {
            of,
            left: of,
            next: 0,
            running: 0,
            parallelism: split.parallelism.or(batch.parallelism),
            failure_strategy: split.failure_strategy.unwrap_or(batch.failure_strategy),
            bytes: 0,
        };
        self.batches.insert(head, flow);
        self.change_flow(head, |kept| kept.batch = Some(flow));
    }

    /// The step that parts belong to begins: from here on it waits for them.
    pub(super) fn begin_batch(&mut self, idx: u32, rules: &BatchRules) {
        if self.batch(idx).is_none() {
            let work = match &rules.for_each {
                // The step that should have split the work was closed without an outcome.
                None => Vec::new(),
                Some(list) => match self.evaluate(idx, list) {
                    None => return,
                    Some(value) => match self.work_of(idx, list.text(), value) {
                        Ok(work) => work,
                        Err(error) => return self.fail_unbegun(idx, error),
                    },
                },
            };
            self.split(&Split { worker: idx, work, parallelism: None, failure_strategy: None });
        }
        let Some(at) = self.move_step(idx, StepCause::Wait) else { return };
        let now = self.now();
        let row = self.row_mut(at);
        (row.started_at, row.due_at) = (Some(now), None);
        self.batch_mut(idx);
        self.say(Fact::StepWaiting { step: idx, due_at: None });
    }

    fn work_of(&self, idx: u32, list: &str, value: Result<Value, String>) -> Result<Vec<BatchWork>, StepError> {
        let failed = |reason: String| {
            StepError::permanent("for_each_failed", format!("`for_each: {list}` gives no list: {reason}")).bounded()
        };
        let (Some(definition), Some(step)) = (&self.definition, self.step(idx)) else { return Ok(Vec::new()) };
        match value.map_err(failed)? {
            Value::Array(values) => items(&step.name, values.iter().map(Json::from), self.parts_max(definition)),
            Value::Object(_) => Err(failed("it is a mapping".to_owned())),
            other => Err(failed(format!("it is {other}"))),
        }
    }

    /// Whether the step that a part belongs to is at hand; it is asked for if not.
    pub(in crate::state) fn sees_head(&mut self, idx: u32) -> bool {
        let head = StepPlace::of(idx).step;
        let is_seen = self.step(head).is_some();
        if !is_seen {
            self.lacking.insert(head);
        }
        is_seen
    }

    /// How far the parts of a step have come; none if it has none, or is not at hand.
    pub(in crate::state) fn batch(&self, head: u32) -> Option<BatchFlow> {
        self.batches.get(&head).copied().or_else(|| self.step(head)?.flow.as_ref()?.batch)
    }

    /// The same, to be changed; looked at again when the decision is settled.
    fn batch_mut(&mut self, head: u32) -> Option<&mut BatchFlow> {
        let known = self.batch(head)?;
        Some(self.batches.entry(head).or_insert(known))
    }

    /// Keeps count of a part that has changed its state; of the step that parts belong to, marks that it has.
    pub(in crate::state) fn follow_batch(&mut self, idx: u32, before: StepState, after: StepState, is_let_go: bool) {
        let place = StepPlace::of(idx);
        if before.is_final() == after.is_final() && before.satisfies() == after.satisfies() {
            return;
        }
        let Some(batch) = self.batch_mut(place.step).filter(|_| place.part.is_some()) else { return };
        if is_let_go && before.is_final() != after.is_final() {
            batch.running = if after.is_final() { batch.running.saturating_sub(1) } else { batch.running + 1 };
        }
        if after.satisfies() && !before.satisfies() {
            batch.left = batch.left.saturating_sub(1);
        }
    }

    /// Whether there is room for one more result among those of the other parts.
    pub(in crate::state) fn has_room(&self, idx: u32, result: &Json) -> Result<(), StepError> {
        let Some(batch) = StepPlace::of(idx).part.and_then(|_| self.batch(StepPlace::of(idx).step)) else {
            return Ok(());
        };
        let bytes = batch.bytes + result.size();
        if bytes <= limits::BATCH_BYTES {
            return Ok(());
        }
        let message = format!(
            "the results of the parts have {bytes} bytes together; at most {} are kept: store them elsewhere and return where \
             they are",
            limits::BATCH_BYTES
        );
        Err(StepError::permanent("results_too_large", message))
    }

    /// Counts the result of a part among those of the others.
    pub(in crate::state) fn count_result(&mut self, idx: u32, result: &Json) {
        let place = StepPlace::of(idx);
        if let Some(batch) = place.part.and_then(|_| self.batch_mut(place.step)) {
            batch.bytes += result.size();
        }
    }

    /// What becomes of a part that has failed for good; none for other steps.
    pub(in crate::state) fn strategy(&self, idx: u32) -> Option<FailureStrategy> {
        let place = StepPlace::of(idx);
        place.part.and_then(|_| self.batch(place.step)).map(|batch| batch.failure_strategy)
    }

    /// A part has failed for good. In a `fail_fast` batch the others fall with it: with the step that they belong to where that
    /// is skipped or cancelled, and by themselves where it waits for an operator.
    pub(in crate::state) fn fell(&mut self, idx: u32, error: &StepError) {
        let head = StepPlace::of(idx).step;
        if self.strategy(idx) != Some(FailureStrategy::FailFast) {
            return;
        }
        let rule = self.on_exhaustion(head);
        match (rule, self.step(idx).map(|step| error.of_step(&step.name))) {
            (OnExhaustion::Skip | OnExhaustion::SkipCascade, Some(error)) => {
                self.skip_failed(head, error, false, rule == OnExhaustion::SkipCascade);
            }
            (OnExhaustion::Block, _) => drop(self.felled.insert(head)),
            _ => {}
        }
    }

    /// Draws the consequences for batches of which a part, or the step itself, has changed; true if there were any.
    pub(in crate::state) fn settle_batches(&mut self) -> bool {
        let heads: Vec<u32> = self.batches.keys().copied().collect();
        let mut has_moved = false;
        for head in heads {
            has_moved |= self.settle_batch(head);
            // What is done is not written again.
            if let Some(flow) = self.batches.get(&head).copied().filter(|_| self.may_be_written(head)) {
                self.change_flow(head, |kept| kept.batch = Some(flow));
            }
        }
        has_moved
    }

    fn settle_batch(&mut self, head: u32) -> bool {
        let (Some(state), Some(batch)) = (self.step(head).map(|step| step.state), self.batch(head)) else {
            return false;
        };
        if state.is_final() {
            return batch.left > 0 && self.cancel_parts(head);
        }
        if state != StepState::Waiting {
            return false;
        }
        if self.felled.contains(&head) {
            return self.cancel_parts(head);
        }
        if batch.left > 0 {
            return self.let_go(head);
        }
        let Some(results) = self.results_of_parts(head, batch.of) else { return false };
        self.end_wait(head, results);
        true
    }

    /// Lets parts go to their queue as far as there is room.
    fn let_go(&mut self, head: u32) -> bool {
        let (mut has_moved, mut has_passed) = (false, false);
        while let Some(batch) = self.batch(head).filter(|batch| batch.room() > 0 && batch.next < batch.of) {
            let idx = StepPlace::part(head, batch.next).idx();
            let Some((state, unmet)) = self.step(idx).map(|step| (step.state, step.unmet)) else {
                // Where an operator has closed some that would come next, all are looked at.
                self.is_short |= has_passed;
                let last = batch.next.saturating_add(batch.room()).min(batch.of);
                self.lacking.extend((batch.next..last).map(|part| StepPlace::part(head, part).idx()));
                return has_moved;
            };
            let is_next = state == StepState::Pending && unmet > 0;
            has_passed |= !is_next;
            if let Some(batch) = self.batch_mut(head) {
                batch.next += 1;
                batch.running += u32::from(is_next);
            }
            if is_next && let Some(row) = self.enqueue(idx, StepCause::Ready) {
                row.unmet = 0;
                has_moved = true;
            }
        }
        has_moved
    }

    /// Cancels the parts that are open; true if there were any.
    fn cancel_parts(&mut self, head: u32) -> bool {
        if !self.task.is_whole {
            self.is_short = true;
            return false;
        }
        let open: Vec<u32> = self.parts(head).filter(|part| !part.state.is_final()).map(|part| part.id.idx).collect();
        for idx in &open {
            self.cancel_step(*idx);
        }
        !open.is_empty()
    }

    /// The list of what the parts returned, in their order, with `null` for those that have no result.
    fn results_of_parts(&mut self, head: u32, of: u32) -> Option<Json> {
        let known = match self.values.as_ref().and_then(|values| values.parts.get(&head)) {
            Some(known) => Arc::clone(known),
            None if of == 0 => Arc::default(),
            None => {
                self.want_parts(head);
                return None;
            }
        };
        let mut list = String::from("[");
        for part in 0..of {
            let idx = StepPlace::part(head, part).idx();
            let result = self.fresh_result(idx).or_else(|| known.get(&idx));
            // Writing to a String cannot fail.
            let _ = write!(list, "{}{}", if part > 0 { "," } else { "" }, result.map_or("null", Json::as_str));
        }
        list.push(']');
        Some(Json::parse(list).unwrap_or_else(|_| Json::null()))
    }
}

/// What operators' verbs are made of.
impl Working {
    /// A part that an operator lets run again waits for its turn, if the others leave no room.
    pub(in crate::state) fn withdraw(&mut self, idx: u32) {
        let StepPlace { step: head, part: Some(part) } = StepPlace::of(idx) else { return };
        let Some(batch) = self.batch_mut(head) else { return };
        if batch.parallelism.is_none_or(|parallelism| batch.running <= parallelism) {
            return;
        }
        batch.running -= 1;
        batch.next = batch.next.min(part);
        if let Some(at) = self.move_step(idx, StepCause::Hold) {
            self.row_mut(at).unmet = 1;
        }
    }

    /// A part that comes back is let go again when there is room.
    pub(in crate::state) fn come_back(&mut self, idx: u32) {
        let StepPlace { step: head, part: Some(part) } = StepPlace::of(idx) else { return };
        let is_let_go = self.step(idx).is_some_and(|step| step.unmet == 0);
        if is_let_go {
            self.ready(idx);
        } else if let Some(batch) = self.batch_mut(head) {
            batch.next = batch.next.min(part);
        }
    }

    /// Whether a part belongs to a step that waits for no part any more.
    pub(in crate::state) fn is_left_behind(&self, idx: u32) -> bool {
        let place = StepPlace::of(idx);
        place.part.is_some() && self.step(place.step).is_some_and(|head| head.state.satisfies())
    }

    /// The steps that are meant by one that is named: for the step that parts belong to, the parts of it that failed.
    pub(in crate::state) fn failed_parts_or(&self, idx: u32) -> Vec<u32> {
        let is_head = StepPlace::of(idx).part.is_none();
        let failed = self.parts(idx).filter(|part| is_head && part.state == StepState::Error);
        let failed: Vec<u32> = failed.map(|part| part.id.idx).collect();
        if failed.is_empty() { vec![idx] } else { failed }
    }

    /// The steps whose parts fell with some that failed.
    pub(in crate::state) fn felled_by(&self, failed: &[u32]) -> BTreeSet<u32> {
        let fast = failed.iter().filter(|idx| self.strategy(**idx) == Some(FailureStrategy::FailFast));
        fast.map(|idx| StepPlace::of(*idx).step).collect()
    }

    /// The parts of a step that are at hand.
    pub(in crate::state) fn parts(&self, head: u32) -> impl Iterator<Item = &StepSnapshot> {
        self.rows_in(StepPlace::parts_of(head))
    }

    /// What becomes of a part that has failed for good, by the strategy of its batch.
    pub(super) fn on_exhaustion_of_part(&self, strategy: FailureStrategy, idx: u32) -> OnExhaustion {
        match strategy {
            FailureStrategy::ContinueOnFailure => OnExhaustion::Skip,
            FailureStrategy::Isolate => OnExhaustion::Block,
            FailureStrategy::FailFast => {
                self.rules(StepPlace::of(idx).step).map(|rules| rules.on_exhaustion).unwrap_or_default()
            }
        }
    }
}
