//! Measures a server from outside, as its clients see it: the load and the worker are in this process, the server is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use serde::Serialize;
use serde_json::json;
use tasker_core::model::{Json, TaskId, TaskState};
use tasker_worker::{
    Client, StepContext, StepError, Worker,
    client::{Action, Actor, BulkAction, SubmitTask, TaskQuery},
};
use tokio::time::sleep;

use super::{
    as_f64,
    statistics::Quantiles,
    workload::{HANDLER, NAMESPACE},
};
use crate::failure::{Failure, Result};

/// What to measure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ApiPlan {
    /// The address of the server.
    pub(crate) api: String,
    #[serde(skip)]
    pub(crate) key: Option<String>,
    /// The database of the server, for a worker that is on it; none for a worker over HTTP.
    #[serde(skip)]
    pub(crate) store: Option<String>,
    /// Tasks for each of the rates.
    pub(crate) tasks: usize,
    /// Tasks for each of the times.
    pub(crate) latency_tasks: usize,
    pub(crate) connections: usize,
    pub(crate) slots: usize,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ApiMeasured {
    pub(crate) plan: ApiPlan,
    /// `http` or `store`
    pub(crate) worker: &'static str,
    /// One submission at a time, until its answer.
    pub(crate) submit_ms: Quantiles,
    /// Single submissions over all connections.
    pub(crate) submissions_per_s: f64,
    /// One-step tasks that are submitted in bulk and run, from the first submission to the last completion.
    pub(crate) bulk_tasks_per_s: f64,
    /// Four steps in a row, from the submission until the answer to the wait for their end, one task at a time.
    pub(crate) linear4_ms: Quantiles,
}

const SINGLE: &str = "bench_api_single";
const LINEAR: &str = "bench_api_linear4";
/// Nothing serves it, so that submissions are measured alone.
const UNSERVED: &str = "bench_api_unserved";
const BULK: usize = 500;
const PATIENCE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);
const WARM_UP: usize = 20;

struct Load {
    client: Client,
    answered: Arc<AtomicUsize>,
}

/// Carries a plan out; `tell` is told what is under way.
pub(crate) async fn measure_api(plan: ApiPlan, tell: &dyn Fn(&str)) -> Result<ApiMeasured> {
    let client = Client::http(&plan.api, plan.key.as_deref())?;
    for (name, steps, handler) in [(SINGLE, 1, HANDLER), (LINEAR, 4, HANDLER), (UNSERVED, 1, UNSERVED)] {
        client.register_template(&template(name, steps, handler), name).await?;
    }
    let load = Load { client, answered: Arc::default() };
    tell(&format!("submissions: {} tasks, one at a time", plan.latency_tasks));
    load.submit_one_at_a_time(WARM_UP).await?;
    let submit_ms = load.submit_one_at_a_time(plan.latency_tasks).await?;
    tell(&format!("submissions: {} tasks over {} connections", plan.tasks, plan.connections));
    let submissions_per_s = load.submit_over(plan.connections, plan.tasks).await?;
    load.cancel_unserved().await?;

    let worker = load.worker(&plan).await?;
    tell(&format!("linear of 4: {} tasks, one at a time", plan.latency_tasks));
    load.run_one_at_a_time(WARM_UP).await?;
    let linear4_ms = load.run_one_at_a_time(plan.latency_tasks).await?;
    tell(&format!("bulk: {} tasks", plan.tasks));
    let bulk_tasks_per_s = load.bulk(plan.tasks).await?;
    worker.shutdown(GRACE).await;
    let worker = if plan.store.is_some() { "store" } else { "http" };
    Ok(ApiMeasured { plan, worker, submit_ms, submissions_per_s, bulk_tasks_per_s, linear4_ms })
}

impl Load {
    async fn worker(&self, plan: &ApiPlan) -> Result<Worker> {
        let answered = Arc::clone(&self.answered);
        let handler = move |_: StepContext| {
            let number = answered.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<_, StepError>(json!({"ok": true, "number": number})) }
        };
        let builder = Worker::builder(plan.store.clone().unwrap_or_else(|| plan.api.clone()));
        let builder = plan.key.iter().fold(builder, |builder, key| builder.api_key(key));
        let builder = builder.handler(HANDLER, handler).slots(plan.slots);
        Ok(builder.start().await?)
    }

    async fn submit_one_at_a_time(&self, tasks: usize) -> Result<Quantiles> {
        let mut times = Vec::with_capacity(tasks);
        for number in 0..tasks {
            let began = Instant::now();
            self.client.submit(request(UNSERVED, number)).await?;
            times.push(began.elapsed());
        }
        Ok(Quantiles::of(&times))
    }

    /// Answers the submissions in a second.
    async fn submit_over(&self, connections: usize, tasks: usize) -> Result<f64> {
        let next = AtomicUsize::new(0);
        let began = Instant::now();
        let senders = (0..connections).map(async |_| -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= tasks {
                    return Ok(());
                }
                self.client.submit(request(UNSERVED, number)).await?;
            }
        });
        try_join_all(senders).await?;
        Ok(as_f64(tasks) / began.elapsed().as_secs_f64())
    }

    async fn run_one_at_a_time(&self, tasks: usize) -> Result<Quantiles> {
        let mut times = Vec::with_capacity(tasks);
        for number in 0..tasks {
            let began = Instant::now();
            let submitted = self.client.submit(request(LINEAR, number)).await?;
            let task = self.client.wait(submitted.task_uuid, PATIENCE).await?;
            times.push(began.elapsed());
            if task.status != TaskState::Complete {
                return Err(incomplete(task.task_uuid, task.status));
            }
        }
        Ok(Quantiles::of(&times))
    }

    /// Answers the tasks in a second.
    async fn bulk(&self, tasks: usize) -> Result<f64> {
        let until = self.answered.load(Ordering::Relaxed) + tasks;
        let began = Instant::now();
        let mut last = None;
        for first in (0..tasks).step_by(BULK) {
            let numbers = first..(first + BULK).min(tasks);
            let submitted = self.client.submit_many(numbers.map(|number| request(SINGLE, number)).collect()).await?;
            for item in submitted.items {
                last = Some(item.into_result().map_err(tasker_worker::client::Error::from)?.task_uuid);
            }
        }
        let (mut seen, mut seen_at) = (0, Instant::now());
        while self.answered.load(Ordering::Relaxed) < until {
            let answered = self.answered.load(Ordering::Relaxed);
            if answered > seen {
                (seen, seen_at) = (answered, Instant::now());
            } else if seen_at.elapsed() > PATIENCE {
                let message = format!("nothing was run for {} s", PATIENCE.as_secs());
                return Err(Failure::new("bench_stuck", message, "run it again with --log info"));
            }
            sleep(Duration::from_millis(1)).await;
        }
        // The outcomes of the last batch have been recorded when its last task has ended.
        if let Some(task_id) = last {
            self.client.wait(task_id, PATIENCE).await?;
        }
        let seconds = began.elapsed().as_secs_f64();
        self.demand_all_complete(SINGLE).await?;
        Ok(as_f64(tasks) / seconds)
    }

    /// A measurement of tasks that did not end as they should would be worth nothing.
    async fn demand_all_complete(&self, name: &str) -> Result<()> {
        let states = TaskState::ALL.into_iter().filter(|state| *state != TaskState::Complete);
        let states = states.map(TaskState::as_str).collect::<Vec<_>>().join(",");
        let mut query = TaskQuery { status: Some(states), limit: Some(1), ..named(name) };
        let began = Instant::now();
        loop {
            let page = self.client.list(&query).await?;
            match (page.items.first(), page.next) {
                (None, None) => return Ok(()),
                // This page looked at a part of the tasks.
                (None, next) => query.after = next,
                (Some(task), _) if began.elapsed() > PATIENCE => return Err(incomplete(task.task_uuid, task.status)),
                (Some(_), _) => {
                    query.after = None;
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    /// What was submitted to nobody is not left behind.
    async fn cancel_unserved(&self) -> Result<()> {
        let mut query = TaskQuery { status: Some("pending".to_owned()), limit: Some(1_000), ..named(UNSERVED) };
        loop {
            let page = self.client.list(&query).await?;
            for ids in page.items.chunks(BULK) {
                let ids = ids.iter().map(|task| task.task_uuid).collect();
                let request = BulkAction::new(Action::Cancel, Actor::named("tasker bench"));
                self.client.act(BulkAction { ids: Some(ids), ..request }).await?;
            }
            if page.next.is_none() {
                return Ok(());
            }
            query.after = page.next;
        }
    }
}

fn named(name: &str) -> TaskQuery {
    TaskQuery { namespace: Some(NAMESPACE.to_owned()), name: Some(name.to_owned()), ..TaskQuery::default() }
}

fn incomplete(task_id: TaskId, state: TaskState) -> Box<Failure> {
    let remedy = "a run that was stopped may have left it: cancel it (`tasker task cancel`) or use another database";
    Failure::new("bench_incomplete", format!("task {task_id} is `{state}`"), remedy)
}

fn request(name: &str, number: usize) -> SubmitTask {
    let context = Json::from(&json!({"number": number, "customer": "ada@example.net"}));
    SubmitTask::new(NAMESPACE, name, context)
}

/// Steps in a row.
fn template(name: &str, steps: usize, handler: &str) -> String {
    let mut yaml = format!("name: {name}\nnamespace: {NAMESPACE}\nversion: 1.0.0\nsteps:\n");
    for at in 0..steps {
        let dependency = at.checked_sub(1).map(|before| format!("step_{before}")).unwrap_or_default();
        yaml += &format!("  - {{name: step_{at}, handler: {{callable: {handler}}}, dependencies: [{dependency}]}}\n");
    }
    yaml
}
