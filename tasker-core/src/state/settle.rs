//! What one task's change means for others: sub-workflows start, go with their parents, and wake them when they end.

use super::{
    Scope, Verb,
    decide::Desk,
    flow::{Spawn, child_of},
};
use crate::model::{Actor, Parent, TaskId};

impl Desk<'_> {
    /// Ends tasks whose steps are through, and carries everything across the borders of tasks, until nothing is left.
    pub(super) fn settle(&mut self) {
        loop {
            let mut is_still = true;
            for at in 0..self.tasks.len() {
                for spawn in std::mem::take(&mut self.tasks[at].spawns) {
                    is_still = false;
                    self.spawn(at, spawn);
                }
                for (child, verb) in std::mem::take(&mut self.tasks[at].to_children) {
                    is_still = false;
                    self.tell(child, &verb);
                }
                is_still &= !self.tasks[at].settle_batches();
                is_still &= !self.tasks[at].end_if_done();
                if self.tasks[at].is_short {
                    self.need_whole(at);
                }
                is_still &= !self.wake_parent(at);
            }
            if is_still {
                return;
            }
        }
    }

    fn spawn(&mut self, at: usize, spawn: Spawn) {
        match self.definitions.named(&spawn.template) {
            Some(found) => self.spawned.extend(self.tasks[at].spawn(spawn, found)),
            None if self.needs_named.contains(&spawn.template) => {}
            None => self.needs_named.push(spawn.template),
        }
    }

    /// Does to a task what was done to its parent; if it has ended, or is in that state already, nothing.
    fn tell(&mut self, child: TaskId, verb: &Verb) {
        let Some(at) = self.by_id.get(&child).copied() else {
            return self.need_task(Scope::whole(child));
        };
        if !self.tasks[at].task.is_whole {
            return self.need_whole(at);
        }
        if !self.know(at) {
            return;
        }
        let actor = Actor { by: None, reason: Some("what happened to its parent task".to_owned()) };
        let lifetime = self.tasks[at].definition.as_ref().and_then(|it| it.template.lifecycle.max_duration());
        // A refusal says that there is nothing to do.
        let _ = self.tasks[at].operate(verb, &actor, lifetime);
    }

    /// Tells the step that waits for a task of its end; false if there is nothing to tell.
    fn wake_parent(&mut self, at: usize) -> bool {
        let working = &self.tasks[at];
        let was_open = self.snapshot.tasks.get(at).is_none_or(|task| !task.state.is_final());
        if working.has_told || !was_open || !working.task.state.is_final() {
            return false;
        }
        let parent = working.task.flow.as_ref().and_then(|flow| flow.parent.as_ref());
        let Some(Parent { task_id, step, .. }) = parent.cloned() else { return false };
        let child = working.task.task_id;
        let parent_at = self.by_id.get(&task_id).copied();
        let Some(parent_at) = parent_at.filter(|at| self.tasks[*at].step(step).is_some()) else {
            self.need_task(Scope::of(task_id, vec![step]));
            return false;
        };
        if !self.know(at) || !self.know(parent_at) {
            return false;
        }
        let is_awaited = self.tasks[parent_at].step(step).and_then(child_of) == Some(child);
        let is_open = !self.tasks[parent_at].task.state.is_final();
        if is_awaited && is_open {
            let Some(outcome) = self.tasks[at].outcome_for_parent() else { return false };
            if let Some(definition) = self.tasks[parent_at].definition.clone() {
                self.conclude(parent_at, step, &outcome, &definition);
            }
        }
        self.tasks[at].has_told = true;
        true
    }

    fn need_task(&mut self, scope: Scope) {
        let is_same =
            |asked: &Scope| (asked.task_id, &asked.steps, asked.whole) == (scope.task_id, &scope.steps, scope.whole);
        if !self.needs_tasks.iter().any(is_same) {
            self.needs_tasks.push(scope);
        }
    }
}
