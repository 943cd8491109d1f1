//! Reads what is stored, and checks it against the model that the events make up and against what was read before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tasker_core::{
    model::{Fact, Json, Lease, Step, StepId, StepState, Task, TaskId, TaskState},
    store::{Store, TaskFilter},
    template::Template,
};

use crate::{
    blueprint::Blueprint,
    ensure,
    replay::{StepModel, TaskModel},
    violation::{Checked, Violation},
};

/// The facts that were added since the observation before, by task.
pub(crate) type News = BTreeMap<TaskId, Vec<Fact>>;

#[derive(Default)]
pub(crate) struct Observer {
    templates: HashMap<String, Template>,
    blueprints: HashMap<(String, Option<String>), Arc<Blueprint>>,
    pub(crate) tasks: BTreeMap<TaskId, Observed>,
    /// Every result that a worker sent, by the attempt that it was for.
    sent: HashMap<Lease, Vec<Json>>,
    /// Every result that an operator gave.
    given: Vec<(StepId, Json)>,
}

pub(crate) struct Observed {
    pub(crate) task: Task,
    pub(crate) steps: Vec<Step>,
    pub(crate) model: TaskModel,
}

impl Observed {
    pub(crate) fn blueprint(&self) -> &Blueprint {
        &self.model.blueprint
    }
}

impl Observer {
    pub(crate) fn new(templates: impl IntoIterator<Item = Template>) -> Self {
        let by_name = templates.into_iter().map(|template| (template.name.clone(), template));
        Self { templates: by_name.collect(), ..Self::default() }
    }

    /// Remembers a result before it is reported.
    pub(crate) fn sends(&mut self, lease: Lease, result: Json) {
        self.sent.entry(lease).or_default().push(result);
    }

    /// Remembers a result before an operator gives it.
    pub(crate) fn gives(&mut self, step: StepId, result: Json) {
        self.given.push((step, result));
    }

    pub(crate) fn step(&self, lease: Lease) -> Option<(&Observed, &Step)> {
        let observed = self.tasks.get(&lease.task_id)?;
        Some((observed, observed.steps.get(lease.step_idx as usize)?))
    }

    /// Reads everything anew, and checks it.
    pub(crate) async fn observe(&mut self, store: &dyn Store) -> Checked<News> {
        let page = store.tasks(&TaskFilter::default(), 1_000).await?;
        ensure!(page.next.is_none(), "more tasks than a page holds");
        ensure!(self.tasks.keys().all(|known| page.items.iter().any(|task| task.task_id == *known)), "a task vanished");
        let mut news = News::new();
        for task in page.items {
            let task_id = task.task_id;
            let facts =
                self.observe_task(store, task).await.map_err(|violation| violation.within(&task_id.to_string()))?;
            if !facts.is_empty() {
                news.insert(task_id, facts);
            }
        }
        Ok(news)
    }

    /// Reads every log from its beginning, and replays it once more.
    pub(crate) async fn observe_anew(&mut self, store: &dyn Store) -> Checked {
        let mut fresh = Self {
            templates: std::mem::take(&mut self.templates),
            sent: std::mem::take(&mut self.sent),
            given: std::mem::take(&mut self.given),
            ..Self::default()
        };
        fresh.observe(store).await?;
        ensure!(fresh.tasks.len() == self.tasks.len(), "tasks vanished");
        *self = fresh;
        Ok(())
    }

    async fn observe_task(&mut self, store: &dyn Store, task: Task) -> Checked<Vec<Fact>> {
        let steps = store.steps(task.task_id).await?;
        let blueprint = self.blueprint(&task)?;
        let (mut model, before) = match self.tasks.remove(&task.task_id) {
            Some(Observed { model, steps, task: before }) => {
                check_fixed(&before, &task)?;
                (model, steps)
            }
            None => (TaskModel::new(blueprint, &task), Vec::new()),
        };
        let batches = store.events(task.task_id, model.seq, 100_000).await?;
        for batch in &batches {
            model.follow(batch).map_err(|violation| violation.within(&format!("{:?}", batch.facts)))?;
        }
        compare_task(&model, &task)?;
        ensure!(steps.len() == model.steps.len(), "{} steps of {} are stored", steps.len(), model.steps.len());
        for (idx, (step, expected)) in steps.iter().zip(&model.steps).enumerate() {
            let check = || {
                compare_step(expected, step, &task)?;
                self.check_result(step, before.get(idx))
            };
            check().map_err(|violation| violation.within(&format!("step {idx}")))?;
        }
        self.tasks.insert(task.task_id, Observed { task, steps, model });
        Ok(batches.into_iter().flat_map(|batch| batch.facts).collect())
    }

    fn blueprint(&mut self, task: &Task) -> Checked<Arc<Blueprint>> {
        let key = (task.name.clone(), task.environment.clone());
        if let Some(known) = self.blueprints.get(&key) {
            return Ok(Arc::clone(known));
        }
        let unknown = || Violation(format!("the template {} was never registered", task.name));
        let template = self.templates.get(&task.name).ok_or_else(unknown)?;
        let blueprint = Arc::new(Blueprint::new(template, task.environment.as_deref()));
        self.blueprints.insert(key, Arc::clone(&blueprint));
        Ok(blueprint)
    }

    /// A result is what the attempt that completed the step sent, and stays.
    fn check_result(&self, step: &Step, before: Option<&Step>) -> Checked {
        let Some(result) = &step.result else {
            ensure!(step.state != StepState::Complete, "complete without a result");
            return Ok(());
        };
        ensure!(
            matches!(step.state, StepState::Complete | StepState::ResolvedManually),
            "{} with a result",
            step.state
        );
        if let Some(before) = before.and_then(|before| before.result.as_ref()) {
            ensure!(before == result, "the recorded result {before} became {result}");
            return Ok(());
        }
        let lease = Lease { task_id: step.id.task_id, step_idx: step.id.idx, attempt: step.attempt };
        let is_given = self.given.iter().any(|(id, given)| *id == step.id && given == result);
        let is_sent = is_given || self.sent.get(&lease).is_some_and(|sent| sent.contains(result));
        ensure!(is_sent, "attempt {} never sent the recorded result {result}", step.attempt);
        Ok(())
    }
}

fn check_fixed(before: &Task, now: &Task) -> Checked {
    ensure!(before.context == now.context, "the input changed");
    ensure!(before.rerun_of == now.rerun_of, "it runs another task again");
    ensure!(before.idempotency_key == now.idempotency_key, "the idempotency key changed");
    ensure!(before.created_at == now.created_at, "the time of creation changed");
    Ok(())
}

fn compare_task(model: &TaskModel, task: &Task) -> Checked {
    ensure!(task.seq == model.seq, "seq is {} after {} events", task.seq, model.seq);
    let priority = model.priority.unwrap_or(task.priority);
    ensure!(task.priority == priority, "the priority is {}, by the events {priority}", task.priority);
    ensure!(task.state == model.state, "stored as {}, by its events {}", task.state, model.state);
    ensure!(task.counts == model.counts(), "counts are {:?}, by the steps {:?}", task.counts, model.counts());
    let code = task.error.as_ref().map(|error| &error.code);
    ensure!(code == model.error.as_ref(), "the error is {code:?}, by the events {:?}", model.error);
    ensure!(task.updated_at == model.updated_at, "updated at {} by {}", task.updated_at, model.updated_at);
    ensure!(task.completed_at == model.completed_at, "ended at {:?} by {:?}", task.completed_at, model.completed_at);
    ensure!(task.deadline_at == model.deadline_at, "deadline {:?} by {:?}", task.deadline_at, model.deadline_at);
    Ok(())
}

fn compare_step(model: &StepModel, step: &Step, task: &Task) -> Checked {
    ensure!(step.state == model.state, "stored as {}, by the events {}", step.state, model.state);
    let stored = (step.attempt, step.failures, step.losses, step.unmet as usize);
    let expected = (model.attempt, model.failures, model.losses, model.unmet);
    ensure!(stored == expected, "attempt, failures, losses and unmet are {stored:?}, by the events {expected:?}");
    ensure!(step.worker_id == model.worker, "the worker is {:?}, by the events {:?}", step.worker_id, model.worker);
    let stored = (step.started_at, step.ended_at);
    let expected = (model.started_at, model.ended_at);
    ensure!(stored == expected, "started and ended at {stored:?}, by the events {expected:?}");
    ensure!(step.error == model.error, "the error is {:?}, by the events {:?}", step.error, model.error);
    let waits_for = match step.state {
        StepState::Pending => (step.unmet > 0 || task.state == TaskState::Paused) && step.due_at.is_none(),
        StepState::Enqueued => {
            matches!(task.state, TaskState::Pending | TaskState::InProgress) && step.unmet == 0 && step.due_at.is_none()
        }
        StepState::InProgress => step.due_at.is_some(),
        StepState::WaitingForRetry => step.due_at.is_some() && step.due_at == model.retry_at,
        _ => step.state.is_final() && step.due_at.is_none(),
    };
    ensure!(
        waits_for,
        "{} with unmet {} and due at {:?} in a task that is {}",
        step.state,
        step.unmet,
        step.due_at,
        task.state
    );
    Ok(())
}
