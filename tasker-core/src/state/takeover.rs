//! Running a task again from one of its steps: a new task takes over what the old one had done before that step.

use std::{collections::HashSet, time::Duration};

use super::{Refusal, StepCause, StepSnapshot, Takeover, TaskSnapshot, Values, decide::Desk, working::Working};
use crate::{
    model::{Fact, SkipReason, StepPlace, StepState, TaskId},
    template::StepKind,
};

impl Desk<'_> {
    /// Makes the new task, and lets it begin where the old one (every step of which is at hand) is left.
    pub(super) fn take_over(&mut self, at: usize, takeover: &Takeover, taken: &[StepSnapshot]) {
        let old = &self.tasks[at];
        let mut task = Working::new(&TaskSnapshot::of_new(&takeover.task), self.snapshot);
        task.definition.clone_from(&old.definition);
        // Nothing of it is stored: a step has the result that is taken over, or none.
        let steps = old.definition.iter().flat_map(|definition| definition.steps.iter()).map(|step| (step.idx, None));
        let values = Values::of_submission(&takeover.task.submission);
        task.values = Some(Values { results: steps.collect(), ..values });
        let deadline = takeover.task.deadline_ms.map(Duration::from_millis);
        task.task.deadline_at = deadline.map(|span| self.snapshot.now + span);
        let from = old.task.task_id;
        for step in taken {
            task.take_over(step, takeover, from);
        }
        for (idx, by) in old.left_out(takeover, taken) {
            task.leave_out(idx, by);
        }
        for step in taken {
            task.release_behind(step);
        }
        self.by_id.insert(takeover.task.task_id, self.tasks.len());
        self.tasks.push(task);
        self.spawned.push(takeover.task.clone());
    }
}

impl Working {
    /// A step, and all that depend on it.
    fn behind_step(&self, from: u32) -> HashSet<u32> {
        let (mut found, mut left) = (HashSet::from([from]), vec![from]);
        while let Some(idx) = left.pop() {
            for dependent in self.step(idx).into_iter().flat_map(|step| step.dependents.iter().copied()) {
                if found.insert(dependent) {
                    left.push(dependent);
                }
            }
        }
        found
    }

    /// The steps that need not run again: those that were done, and those whose results are given.
    pub(super) fn taken(&self, takeover: &Takeover) -> Result<Vec<StepSnapshot>, Refusal> {
        let anew = self.behind_step(takeover.from);
        let from = self.step(takeover.from).ok_or(Refusal::NoSuchStep)?;
        let definition = self.definition.as_ref().ok_or(Refusal::NoSuchStep)?;
        let kind = |idx: u32| definition.template.steps.get(idx as usize).map(|step| step.kind);
        // Its result alone does not say into what the work is split.
        let splits_anew = |step: &StepSnapshot| {
            let mut fed = step.dependents.iter().filter(|idx| kind(**idx) == Some(StepKind::BatchWorker));
            kind(step.id.idx) == Some(StepKind::Batchable) && fed.any(|idx| anew.contains(idx))
        };
        let is_done = |step: &StepSnapshot| step.state.satisfies() && !anew.contains(&step.id.idx);
        let is_given = |step: &StepSnapshot| takeover.given.contains(&step.id.idx);
        let is_taken = |step: &&StepSnapshot| {
            let is_whole = StepPlace::of(step.id.idx).part.is_none() && self.is_own(step.id.idx);
            is_whole && !splits_anew(step) && (is_done(step) || is_given(step))
        };
        let taken: Vec<_> = self.rows().filter(is_taken).cloned().collect();
        let lacks = |idx: &u32| !taken.iter().any(|step| step.id.idx == *idx);
        match definition.graph.ancestors(from.id.idx).find(lacks).and_then(|idx| self.step(idx)) {
            Some(step) => Err(Refusal::NoResult { step: step.name.clone() }),
            None => Ok(taken),
        }
    }

    /// The steps that would run again and do not, each with the step that left it out: what that one chose is taken over with
    /// its result. The step to begin with runs all the same, and where another result is given nothing was chosen yet.
    fn left_out(&self, takeover: &Takeover, taken: &[StepSnapshot]) -> Vec<(u32, u32)> {
        let is_taken = |idx: u32| taken.iter().any(|step| step.id.idx == idx);
        let holds = |by: &u32| is_taken(*by) && !takeover.given.contains(by);
        let left_out = self.rows().flat_map(|step| left_out_by(step).iter().map(|by| (step.id.idx, *by)));
        left_out.filter(|(idx, by)| *idx != takeover.from && !is_taken(*idx) && holds(by)).collect()
    }

    fn take_over(&mut self, old: &StepSnapshot, takeover: &Takeover, from: TaskId) {
        let idx = old.id.idx;
        let is_given = takeover.given.contains(&idx);
        if old.state == StepState::Skipped && !is_given {
            if self.move_step(idx, StepCause::Skip).is_some() {
                self.task.counts.done += 1;
                self.say(Fact::StepSkipped { step: idx, reason: SkipReason::TakenOver, error: None });
                self.change_flow(idx, |flow| flow.left_out_by = left_out_by(old).to_vec());
            }
            return;
        }
        if self.put_result(idx, takeover.results.get(&idx).cloned()) {
            self.task.counts.done += 1;
            self.say(Fact::StepTakenOver { step: idx, from, is_given });
        }
    }

    /// Lets go what waited for a step that was taken over. One that was skipped has no result, and what was chosen to run again
    /// runs without it.
    fn release_behind(&mut self, old: &StepSnapshot) {
        let is_reached = self.step(old.id.idx).is_some_and(|step| step.state == StepState::Complete);
        for dependent in old.dependents.iter().copied() {
            let is_known = if is_reached { self.satisfy(dependent) } else { self.count_down(dependent) };
            self.is_short |= !is_known;
        }
    }
}

fn left_out_by(step: &StepSnapshot) -> &[u32] {
    match &step.flow {
        Some(flow) if step.state == StepState::Skipped => &flow.left_out_by,
        _ => &[],
    }
}
