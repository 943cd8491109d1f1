use std::collections::HashMap;

use crate::state::{Snapshot, StepSnapshot};

/// Adds what was read later in the same transaction. A task read whole replaces what was known of it; otherwise steps
/// that were not known are added, so that no task and no step is in the snapshot twice.
pub(super) fn absorb(snapshot: &mut Snapshot, more: Snapshot) {
    snapshot.candidates_loaded |= more.candidates_loaded;
    let known: HashMap<_, _> = (0..).zip(&snapshot.tasks).map(|(at, task): (usize, _)| (task.task_id, at)).collect();
    for task in more.tasks {
        match known.get(&task.task_id).map(|at| &mut snapshot.tasks[*at]) {
            None => snapshot.tasks.push(task),
            Some(known) if task.is_whole => *known = task,
            Some(known) if known.is_whole => {}
            Some(known) => add_steps(&mut known.steps, task.steps),
        }
    }
}

fn add_steps(known: &mut Vec<StepSnapshot>, more: Vec<StepSnapshot>) {
    for step in more {
        if let Err(place) = known.binary_search_by_key(&step.id.idx, |known| known.id.idx) {
            known.insert(place, step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{TaskId, Timestamp},
        state::TaskSnapshot,
    };

    fn task(task_id: TaskId, steps: &[u32], is_whole: bool) -> TaskSnapshot {
        TaskSnapshot::sample(task_id, steps.iter().copied(), is_whole)
    }

    fn snapshot(tasks: Vec<TaskSnapshot>) -> Snapshot {
        Snapshot { now: Timestamp::from_micros(0), tasks, candidates_loaded: false, values: HashMap::new() }
    }

    fn shape(snapshot: &Snapshot) -> Vec<(TaskId, Vec<u32>, bool)> {
        let tasks = snapshot.tasks.iter();
        tasks.map(|task| (task.task_id, task.steps.iter().map(|step| step.id.idx).collect(), task.is_whole)).collect()
    }

    #[test]
    fn steps_and_tasks_are_never_doubled() {
        let (a, b) = (TaskId::new(), TaskId::new());
        let mut known = snapshot(vec![task(a, &[1, 5], false)]);
        absorb(&mut known, snapshot(vec![task(a, &[0, 5, 7], false), task(b, &[2], false)]));
        assert_eq!(shape(&known), [(a, vec![0, 1, 5, 7], false), (b, vec![2], false)]);
    }

    #[test]
    fn a_whole_task_replaces_and_stays() {
        let a = TaskId::new();
        let mut known = snapshot(vec![task(a, &[1], false)]);
        absorb(&mut known, snapshot(vec![task(a, &[0, 1, 2], true)]));
        absorb(&mut known, Snapshot { candidates_loaded: true, ..snapshot(vec![task(a, &[2], false)]) });
        assert_eq!(shape(&known), [(a, vec![0, 1, 2], true)]);
        assert!(known.candidates_loaded);
    }
}
