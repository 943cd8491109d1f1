use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use quick_cache::{Weighter, sync::Cache};

use crate::{
    dag::NewTask,
    model::{StepState, TaskId},
    state::{Changes, TaskSnapshot},
};

/// Small tasks as this engine has last read or written them.
///
/// Another engine may have moved them on since, so that nothing here is to be trusted: what is decided on it is written
/// only if the task still stands at the same event ([`crate::store::Store::apply_unchanged`]).
pub(super) struct Recall(Cache<TaskId, Arc<TaskSnapshot>, BySteps>);

/// Tasks of more steps are not kept: each change would copy them.
const STEPS_MAX: usize = 128;
/// Steps kept in all; one takes about 200 bytes.
const STEPS_IN_ALL: u64 = 40_000;

#[derive(Clone)]
struct BySteps;

impl Weighter<TaskId, Arc<TaskSnapshot>> for BySteps {
    fn weight(&self, _: &TaskId, task: &Arc<TaskSnapshot>) -> u64 {
        task.steps.len() as u64 + 1
    }
}

impl Recall {
    pub(super) fn new() -> Self {
        let items = usize::try_from(STEPS_IN_ALL / 4).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(items, STEPS_IN_ALL, BySteps))
    }

    pub(super) fn whole(&self, task_id: TaskId) -> Option<Arc<TaskSnapshot>> {
        self.0.get(&task_id)
    }

    /// The last event of a task that this engine has not seen the end of; none if it is not known here.
    pub(super) fn seq(&self, task_id: TaskId) -> Option<i64> {
        self.0.peek(&task_id).map(|task| task.seq)
    }

    pub(super) fn forget(&self, task_id: TaskId) {
        self.0.remove(&task_id);
    }

    /// Whether the rows of a new task are known here as well as in the database. Those of one with a deadline are not, nor
    /// those of one that the engine has to begin: only the database knows when these are due.
    pub(super) fn is_foreseen(task: &NewTask) -> bool {
        let is_due = task.steps.iter().any(|step| step.state() == StepState::Waiting);
        task.steps.len() <= STEPS_MAX && task.deadline_ms.is_none() && !is_due
    }

    /// Keeps a task that was just stored.
    pub(super) fn put_new(&self, task: &NewTask) {
        if Self::is_foreseen(task) {
            self.0.insert(task.task_id, Arc::new(TaskSnapshot::of_new(task)));
        }
    }

    /// Keeps small tasks as they were just read, under their locks.
    pub(super) fn learn(&self, tasks: &[TaskSnapshot]) {
        let is_small = |task: &&TaskSnapshot| task.is_whole && task.steps.len() <= STEPS_MAX && !task.state.is_final();
        for task in tasks.iter().filter(is_small).filter(|task| self.seq(task.task_id) != Some(task.seq)) {
            self.0.insert(task.task_id, Arc::new(task.clone()));
        }
    }

    /// Follows changes that were just written. A task that was not known as it was before them is forgotten.
    pub(super) fn follow(&self, changes: &Changes) {
        let mut steps = changes.steps.iter().peekable();
        for (task, events) in changes.tasks.iter().zip(&changes.events) {
            // The steps of the changes are in the order of their tasks.
            let of_task: Vec<_> =
                std::iter::from_fn(|| steps.next_if(|step| step.id.task_id == task.task_id)).collect();
            let Some(known) = self.0.get(&task.task_id) else { continue };
            if task.state.is_final() || known.seq + 1 != events.first_seq {
                self.forget(task.task_id);
            } else {
                self.0.insert(task.task_id, Arc::new(known.after(task, of_task)));
            }
        }
        // With its parts a task is no longer small.
        let split = changes.parts.iter().map(|parts| parts.task_id);
        let grown = changes.added.iter().map(|step| step.id.task_id);
        let moved = changes.flows.iter().map(|(task_id, _)| *task_id);
        let others = changes.priorities.iter().map(|(task_id, _)| *task_id);
        split.chain(grown).chain(moved).chain(others).for_each(|task_id| self.forget(task_id));
    }

    /// These tasks, ascending by id; none if one of them is not known.
    pub(super) fn all(&self, ids: impl Iterator<Item = TaskId>) -> Option<Vec<TaskSnapshot>> {
        let mut tasks = BTreeMap::new();
        for task_id in ids {
            if let Entry::Vacant(entry) = tasks.entry(task_id) {
                entry.insert(TaskSnapshot::clone(&*self.whole(task_id)?));
            }
        }
        Some(tasks.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{EventBatch, Fact, TaskState, Timestamp},
        state::TaskChange,
    };

    fn task(steps: u32, is_whole: bool) -> TaskSnapshot {
        TaskSnapshot::sample(TaskId::new(), 0..steps, is_whole)
    }

    /// Changes that begin at this event of the task, which then is in this state.
    fn started(task: &TaskSnapshot, first_seq: i64, state: TaskState) -> Changes {
        let at = Timestamp::from_micros(1);
        let change = TaskChange {
            task_id: task.task_id,
            template: task.template.clone(),
            state,
            counts: task.counts,
            seq: first_seq,
            deadline_at: None,
            error: None,
            updated_at: at,
            completed_at: None,
        };
        let events = EventBatch { task_id: task.task_id, first_seq, at, facts: vec![Fact::TaskStarted] };
        Changes { tasks: vec![change], events: vec![events], ..Changes::default() }
    }

    #[test]
    fn small_tasks_are_learned_as_they_were_read_and_followed_while_nothing_is_missed() {
        let [small, part, large] = [task(2, true), task(2, false), task(1_000, true)];
        let recall = Recall::new();
        recall.learn(&[small.clone(), part.clone(), large.clone()]);
        let state = |task: &TaskSnapshot| recall.whole(task.task_id).map(|known| (known.seq, known.state));
        assert_eq!([&small, &part, &large].map(state), [Some((1, TaskState::Pending)), None, None]);

        recall.follow(&started(&small, 2, TaskState::InProgress));
        assert_eq!(state(&small), Some((2, TaskState::InProgress)));
        recall.learn(std::slice::from_ref(&small));
        assert_eq!(state(&small), Some((1, TaskState::Pending)), "what was read last under a lock counts");
        recall.follow(&started(&small, 3, TaskState::InProgress));
        assert_eq!(state(&small), None, "an event between was missed");

        recall.learn(std::slice::from_ref(&small));
        recall.follow(&started(&small, 2, TaskState::Complete));
        assert_eq!(state(&small), None, "nothing happens to it any more");
    }
}
