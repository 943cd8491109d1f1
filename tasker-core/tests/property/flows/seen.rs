//! What is stored, as it was last read, and what led to it.

use std::collections::{BTreeMap, HashMap};

use tasker_core::{
    model::{Checkpoint, Json, Lease, Step, StepId, StepPlace, StepState, Task, TaskId},
    store::{Store, TaskFilter},
    template::{StepTemplate, Template},
};

use super::{check, log::Log};
use crate::{
    ensure,
    violation::{Checked, Violation},
};

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) templates: HashMap<String, Template>,
    pub(crate) tasks: BTreeMap<TaskId, Observed>,
    /// Every result that a worker sent, by the attempt that it was for.
    pub(crate) sent: HashMap<Lease, Vec<Json>>,
    /// Every result that an operator gave.
    pub(crate) given: Vec<Json>,
    /// The names of the steps from which a task was run again.
    pub(crate) reruns: HashMap<TaskId, Vec<String>>,
    /// Every payload of a signal.
    pub(crate) signals: Vec<Json>,
    /// What a step may go on from, where it is not from nothing: the last checkpoint, and those of which it is not known
    /// whether they were stored.
    pub(crate) checkpoints: HashMap<StepId, Vec<Option<Checkpoint>>>,
}

pub(crate) struct Observed {
    pub(crate) task: Task,
    pub(crate) rows: BTreeMap<u32, Step>,
    pub(crate) log: Log,
    /// The template's own steps, those of `finally` and the compensations, by index.
    pub(crate) all: Vec<StepTemplate>,
    pub(crate) own: usize,
    pub(crate) finally: usize,
    /// The names of the steps at which this task, or one whose results it takes over, may have begun.
    pub(crate) begins_at: Vec<String>,
}

impl Observed {
    /// The step of the template that a row belongs to.
    pub(crate) fn template(&self, idx: u32) -> &StepTemplate {
        &self.all[StepPlace::of(idx).step as usize]
    }

    pub(crate) fn is_own(&self, idx: u32) -> bool {
        (StepPlace::of(idx).step as usize) < self.own
    }

    pub(crate) fn is_compensation(&self, idx: u32) -> bool {
        StepPlace::of(idx).step as usize >= self.own + self.finally
    }

    /// The indices of the steps that a step names as its dependencies.
    pub(crate) fn before(&self, idx: u32) -> impl Iterator<Item = u32> {
        let place = |name: &String| self.all.iter().position(|step| step.name == *name);
        self.template(idx).dependencies.iter().filter_map(place).map(|at| u32::try_from(at).unwrap_or(u32::MAX))
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Step> {
        self.rows.values().find(|row| row.name == name)
    }

    /// The row of a step that the task has.
    pub(crate) fn row(&self, idx: u32) -> Checked<&Step> {
        self.rows.get(&idx).ok_or_else(|| Violation(format!("step {idx} has no row")))
    }

    pub(crate) fn parts(&self, head: u32) -> impl Iterator<Item = &Step> {
        self.rows.range(StepPlace::parts_of(head)).map(|(_, part)| part)
    }
}

impl Seen {
    pub(crate) fn state(&self, lease: Lease) -> Option<(&Observed, &Step)> {
        let observed = self.tasks.get(&lease.task_id)?;
        Some((observed, observed.rows.get(&lease.step_idx)?))
    }

    /// Whether a lease holds, as far as is known.
    pub(crate) fn holds(&self, lease: Lease) -> bool {
        self.state(lease).is_some_and(|(_, row)| row.state == StepState::InProgress && row.attempt == lease.attempt)
    }

    /// Reads everything anew, and checks it.
    pub(crate) async fn look(&mut self, store: &dyn Store) -> Checked {
        let mut odd = store.oddities(1_000, 10).await?;
        // Nobody sweeps while the clock jumps.
        odd.retain(|oddity| oddity.check != "find_overdue");
        ensure!(odd.is_empty(), "{odd:?}");
        let page = store.tasks(&TaskFilter::default(), 1_000).await?;
        ensure!(page.next.is_none(), "more tasks than a page holds");
        ensure!(self.tasks.keys().all(|known| page.items.iter().any(|task| task.task_id == *known)), "a task vanished");
        for task in page.items {
            let (task_id, name) = (task.task_id, task.name.clone());
            let looked = self.look_at(store, task).await;
            looked.map_err(|violation| violation.within(&format!("{name} {task_id}")))?;
        }
        for (task_id, observed) in &self.tasks {
            let checked = check::family(self, observed);
            checked.map_err(|violation| violation.within(&format!("{} {task_id}", observed.task.name)))?;
        }
        Ok(())
    }

    async fn look_at(&mut self, store: &dyn Store, task: Task) -> Checked {
        let task_id = task.task_id;
        let before = self.tasks.remove(&task_id);
        let rows = store.steps_in(task_id, 0..i32::MAX.unsigned_abs(), u32::MAX).await?;
        let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.id.idx, row)).collect();
        let (mut log, known) = match before {
            Some(Observed { log, rows, .. }) => (log, rows),
            None => (Log::default(), BTreeMap::new()),
        };
        for batch in store.events(task_id, log.seq, 100_000).await? {
            log.follow(&batch).map_err(|violation| violation.within(&format!("{:?}", batch.facts)))?;
        }
        let unknown = || Violation(format!("the template {} was never registered", task.name));
        let template = self.templates.get(&task.name).ok_or_else(unknown)?;
        let (own, finally) = (template.steps.len(), template.finally.len());
        let begins_at = self.begins_at(&task);
        let observed = Observed { task, rows, log, all: template.all_steps(), own, finally, begins_at };
        for (idx, row) in &observed.rows {
            let checked = self.result(&observed, row, known.get(idx));
            checked.map_err(|violation| violation.within(&format!("step {}", row.name)))?;
        }
        check::task(&observed)?;
        self.tasks.insert(task_id, observed);
        Ok(())
    }

    fn begins_at(&self, task: &Task) -> Vec<String> {
        let Some(old) = task.rerun_of else { return Vec::new() };
        let mut names = self.reruns.get(&old).cloned().unwrap_or_default();
        names.extend(self.tasks.get(&old).into_iter().flat_map(|old| old.begins_at.clone()));
        names
    }

    /// A result is what somebody has sent for the attempt that completed the step, and stays.
    fn result(&self, observed: &Observed, row: &Step, before: Option<&Step>) -> Checked {
        let Some(result) = &row.result else {
            ensure!(row.state != StepState::Complete, "complete without a result");
            let had_one = before.is_some_and(|before| before.result.is_some());
            ensure!(!had_one, "its result is gone");
            return Ok(());
        };
        ensure!(
            row.state == StepState::Complete || row.state == StepState::ResolvedManually,
            "{} with a result",
            row.state
        );
        if let Some(before) = before.and_then(|before| before.result.as_ref()) {
            ensure!(before == result, "the recorded result {before} became {result}");
            return Ok(());
        }
        if self.given.contains(result) || observed.log.is_taken_over(row.id.idx) {
            return Ok(());
        }
        let template = observed.template(row.id.idx);
        let lease = Lease { task_id: row.id.task_id, step_idx: row.id.idx, attempt: row.attempt };
        let is_part = StepPlace::of(row.id.idx).part.is_some();
        let is_sound = match &template.wait {
            Some(wait) if wait.signal.is_some() => {
                let payload = &result.to_value()["payload"];
                self.signals.iter().any(|sent| sent.to_value() == *payload)
            }
            Some(_) => result.to_value().is_string(),
            None if template.workflow.is_some() => true,
            None if !is_part && template.kind == tasker_core::template::StepKind::BatchWorker => {
                let results = |part: &Step| part.result.as_ref().map(Json::to_value).unwrap_or_default();
                let expected: Vec<_> = observed.parts(row.id.idx).map(results).collect();
                result.to_value() == serde_json::Value::Array(expected)
            }
            None => self.sent.get(&lease).is_some_and(|sent| sent.contains(result)),
        };
        ensure!(is_sound, "nobody has sent the result {result} for attempt {}", row.attempt);
        Ok(())
    }
}
