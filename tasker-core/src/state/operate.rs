//! What operators do to tasks and their steps.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{Refusal, StepCause, TaskCause, Verb, Which, flow::Chosen, task_transition, working::Working};
use crate::model::{Actor, Ending, Fact, Json, StepPlace, StepState, TaskState};

type Done<T = ()> = Result<T, Refusal>;

impl Verb {
    /// Whether the decision must see every step of the task.
    pub(super) fn needs_whole(&self) -> bool {
        !matches!(self, Self::Prioritize(_) | Self::NoteRerun { .. })
    }
}

impl Working {
    /// Does what an operator wants, with every step at hand; `lifetime` is how long the template gives a task.
    pub(super) fn operate(&mut self, verb: &Verb, actor: &Actor, lifetime: Option<Duration>) -> Done {
        let actor = actor.clone();
        match verb {
            Verb::Cancel => self.cancel(actor),
            Verb::Resolve => self.close(TaskCause::Resolve, Fact::TaskResolved { actor }),
            Verb::Pause => self.pause(actor),
            Verb::Resume => self.resume(actor),
            Verb::Retry(which) => self.retry_steps(which, &actor, lifetime),
            Verb::ResolveSteps { which, result } => {
                self.close_steps(which, StepCause::Resolve, result.as_ref(), &actor, lifetime)
            }
            Verb::CompleteStep { which, result } => {
                self.close_steps(which, StepCause::CompleteManually, Some(result), &actor, lifetime)
            }
            Verb::Prioritize(priority) => self.prioritize(*priority, actor),
            Verb::RerunFrom(takeover) => {
                if !self.task.state.is_final() {
                    return Err(Refusal::TaskState(self.task.state));
                }
                self.say(Fact::TaskRerun { task: takeover.task.task_id, actor });
                Ok(())
            }
            Verb::NoteRerun { task, seq } => {
                if !self.task.state.is_final() {
                    return Err(Refusal::TaskState(self.task.state));
                }
                if self.task.seq == *seq {
                    self.say(Fact::TaskRerun { task: *task, actor });
                }
                Ok(())
            }
        }
    }

    /// What the task does before it ends is not held back by a pause: whoever cancels it wants it to end.
    fn cancel(&mut self, actor: Actor) -> Done {
        self.allows(TaskCause::Cancel)?;
        if self.is_ending() {
            return Err(Refusal::Ending);
        }
        if let Some(state) = task_transition(self.task.state, TaskCause::Resume) {
            self.task.state = state;
            self.go_on();
        }
        self.begin_ending(Ending::cancelled(actor));
        Ok(())
    }

    fn close(&mut self, cause: TaskCause, fact: Fact) -> Done {
        self.allows(cause)?;
        self.stop(cause, fact);
        Ok(())
    }

    fn pause(&mut self, actor: Actor) -> Done {
        self.task.state = self.allows(TaskCause::Pause)?;
        self.say(Fact::TaskPaused { actor });
        self.tell_children(&Verb::Pause);
        for idx in self.steps_in(StepState::Enqueued) {
            self.move_step(idx, StepCause::Hold);
        }
        Ok(())
    }

    fn resume(&mut self, actor: Actor) -> Done {
        self.task.state = self.allows(TaskCause::Resume)?;
        self.go_on();
        self.say(Fact::TaskResumed { actor });
        self.tell_children(&Verb::Resume);
        for idx in self.steps_in(StepState::Pending) {
            if self.step(idx).is_some_and(|step| step.unmet == 0) {
                self.ready(idx);
            }
        }
        self.unblock();
        Ok(())
    }

    fn prioritize(&mut self, priority: i16, actor: Actor) -> Done {
        if self.task.state.is_final() {
            return Err(Refusal::TaskState(self.task.state));
        }
        self.task.priority = priority;
        self.say(Fact::TaskPrioritized { priority, actor });
        Ok(())
    }

    fn retry_steps(&mut self, which: &Which, actor: &Actor, lifetime: Option<Duration>) -> Done {
        self.has_open_end()?;
        let mut steps = self.pick(which)?;
        if let [only] = steps.as_slice() {
            steps = self.failed_parts_or(*only);
        }
        if self.is_ending() && steps.is_empty() {
            return Err(Refusal::Ending);
        }
        if let Which::Failed = which
            && steps.is_empty()
            && self.task.state != TaskState::Error
        {
            return Err(Refusal::NothingFailed);
        }
        for idx in &steps {
            self.is_open_to_operators(*idx)?;
            self.may_run_again(*idx)?;
        }
        self.reopen(actor, lifetime);
        // What the end of the task cancelled comes back by itself.
        steps.retain(|idx| self.step(*idx).is_some_and(|step| step.state != StepState::Cancelled));
        for idx in steps {
            self.reset(idx, actor);
        }
        self.draw_consequences();
        Ok(())
    }

    /// Once a task is on its way to its end, what it began with may have been undone.
    fn is_open_to_operators(&self, idx: u32) -> Done {
        if self.is_ending() && self.is_own(idx) { Err(Refusal::Ending) } else { Ok(()) }
    }

    fn may_run_again(&self, idx: u32) -> Done {
        let Some(step) = self.step(idx) else { return Err(Refusal::NoSuchStep) };
        match step.state {
            StepState::Error | StepState::WaitingForRetry => Ok(()),
            StepState::Cancelled => match self.doomed_by(idx) {
                Some(by) => Err(Refusal::Doomed { step: Arc::clone(&step.name), by }),
                None => Ok(()),
            },
            state => Err(Refusal::StepState { step: Arc::clone(&step.name), state }),
        }
    }

    fn close_steps(
        &mut self,
        which: &Which,
        cause: StepCause,
        result: Option<&Json>,
        actor: &Actor,
        lifetime: Option<Duration>,
    ) -> Done {
        self.has_open_end()?;
        let steps = self.pick(which)?;
        if steps.is_empty() {
            return Err(Refusal::NothingFailed);
        }
        for idx in &steps {
            self.is_open_to_operators(*idx)?;
            let Some(step) = self.step(*idx) else { return Err(Refusal::NoSuchStep) };
            if step.state.satisfies() {
                return Err(Refusal::StepState { step: Arc::clone(&step.name), state: step.state });
            }
        }
        self.reopen(actor, lifetime);
        for idx in steps {
            self.close_step(idx, cause, result.cloned(), actor);
        }
        self.draw_consequences();
        Ok(())
    }

    /// Step verbs are for tasks that go on, and for failed ones. A sub-workflow that failed has told so: nobody would learn what
    /// comes of it now, and its parent may have it run anew.
    fn has_open_end(&self) -> Done {
        let state = self.task.state;
        if state.is_final() && state != TaskState::Error {
            return Err(Refusal::TaskState(state));
        }
        match self.task.flow.as_ref().and_then(|flow| flow.parent.as_ref()) {
            Some(parent) if state.is_final() && !self.is_ending() => {
                Err(Refusal::NotAwaited { parent: parent.task_id, step: Arc::clone(&parent.name) })
            }
            _ => Ok(()),
        }
    }

    fn allows(&self, cause: TaskCause) -> Done<TaskState> {
        task_transition(self.task.state, cause).ok_or(Refusal::TaskState(self.task.state))
    }

    fn pick(&self, which: &Which) -> Done<Vec<u32>> {
        let found = match which {
            Which::Failed => {
                let mut failed = self.steps_in(StepState::Error);
                failed.retain(|idx| !self.is_ending() || !self.is_own(*idx));
                return Ok(failed);
            }
            Which::Idx(idx) => self.step(*idx).map(|step| step.id.idx),
            Which::Name(name) => self.rows().find(|step| step.name == *name).map(|step| step.id.idx),
        };
        found.map(|idx| vec![idx]).ok_or(Refusal::NoSuchStep)
    }

    /// Lets a failed task go on, with its time anew.
    fn reopen(&mut self, actor: &Actor, lifetime: Option<Duration>) {
        let Some(state) = task_transition(self.task.state, TaskCause::Reopen) else { return };
        self.task.state = state;
        self.go_on();
        self.task.completed_at = None;
        self.task.deadline_at = lifetime.filter(|_| !self.is_ending()).map(|lifetime| self.now() + lifetime);
        self.say(Fact::TaskReopened { actor: actor.clone() });
    }

    /// A task that had begun is `in_progress` again.
    pub(super) fn go_on(&mut self) {
        if self.rows().any(|step| step.attempt > 0)
            && let Some(state) = task_transition(self.task.state, TaskCause::Start)
        {
            self.task.state = state;
        }
    }

    fn reset(&mut self, idx: u32, actor: &Actor) {
        let was_failed = self.step(idx).is_some_and(|step| step.state == StepState::Error);
        self.say(Fact::StepReset { step: idx, actor: actor.clone() });
        if let Some(row) = self.enqueue(idx, StepCause::Reset) {
            row.failures = 0;
            row.losses = 0;
            row.error = None;
        }
        self.task.counts.done -= u32::from(was_failed);
        self.task.counts.failed -= u32::from(was_failed);
        self.begin_again(idx);
        self.withdraw(idx);
    }

    fn close_step(&mut self, idx: u32, cause: StepCause, result: Option<Json>, actor: &Actor) {
        let Some(before) = self.step(idx).map(|step| step.state) else { return };
        if !self.close_by_hand(idx, cause, result) {
            return;
        }
        let counts = &mut self.task.counts;
        counts.active -= u32::from(before == StepState::InProgress);
        counts.failed -= u32::from(before == StepState::Error);
        counts.done += u32::from(!before.is_final());
        let actor = actor.clone();
        self.say(match cause {
            StepCause::Resolve => Fact::StepResolved { step: idx, actor },
            _ => Fact::StepCompletedManually { step: idx, actor },
        });
        self.satisfy_dependents(idx, &Chosen::All);
    }

    /// Brings back what was cancelled for a reason that no longer stands, and finds out why the task fails, if it still does.
    fn draw_consequences(&mut self) {
        let doomed = self.doomed();
        let mut back = self.steps_in(StepState::Cancelled);
        back.retain(|idx| {
            !doomed.contains(idx) && !self.is_left_behind(*idx) && self.is_open_to_operators(*idx).is_ok()
        });
        let unmet = self.count_unmet();
        for idx in back {
            self.say(Fact::StepReopened { step: idx });
            self.task.counts.done -= 1;
            let Some(at) = self.move_step(idx, StepCause::Reopen) else { continue };
            if StepPlace::of(idx).part.is_some() {
                self.come_back(idx);
            } else {
                let unmet = unmet.get(&idx).copied().unwrap_or(0);
                self.row_mut(at).unmet = unmet;
                self.reach_again(idx);
                if unmet == 0 {
                    self.ready(idx);
                }
            }
        }
        let error = match &self.ending {
            Some(ending) => ending.error.clone(),
            None => self.rows().find_map(|step| Some(step.error.as_ref()?.of_step(&step.name))),
        };
        self.task.error = error;
        self.unblock();
        self.go_on();
    }

    /// The cancelled steps that wait for a failed one.
    fn doomed(&self) -> HashSet<u32> {
        let failed = self.rows().filter(|step| step.state == StepState::Error);
        self.cancelled_behind(failed.map(|step| step.id.idx).collect())
    }

    fn doomed_by(&self, idx: u32) -> Option<Arc<str>> {
        let mut failed = self.rows().filter(|step| step.state == StepState::Error);
        failed.find(|step| self.cancelled_behind(vec![step.id.idx]).contains(&idx)).map(|step| Arc::clone(&step.name))
    }

    /// The cancelled steps behind some, and the parts of those among them.
    fn cancelled_behind(&self, mut from: Vec<u32>) -> HashSet<u32> {
        let mut found = HashSet::new();
        let felled = self.felled_by(&from);
        while let Some(idx) = from.pop() {
            for dependent in self.step(idx).into_iter().flat_map(|step| step.dependents.iter().copied()) {
                let is_cancelled = self.step(dependent).is_some_and(|step| step.state == StepState::Cancelled);
                if is_cancelled && found.insert(dependent) {
                    from.push(dependent);
                }
            }
        }
        let heads: BTreeSet<u32> = found.iter().copied().chain(felled).collect();
        for head in heads {
            let parts = self.parts(head).filter(|part| part.state == StepState::Cancelled);
            found.extend(parts.map(|part| part.id.idx));
        }
        found
    }
}
