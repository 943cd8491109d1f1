use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tasker_core::{
    model::{Json, TaskState},
    orchestration::SubmitTask,
    store::TaskFilter,
};
use tasker_worker::client::TaskView;
use tokio::time::sleep;

use super::{rig::Rig, statistics::Quantiles, workload::NAMESPACE};
use crate::failure::{Failure, Result};

pub(super) struct Latencies {
    pub(super) submit: Quantiles,
    pub(super) end_to_end: Quantiles,
}

pub(super) struct Throughput {
    /// From the first submission to the last completion.
    pub(super) seconds: f64,
}

/// Steps of one submission of many tasks: enough to share its commit, few enough for the workers to begin soon.
const STEPS_SUBMITTED: usize = 1_000;
/// A run in which nothing has been answered for this long does not go on.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tasks in the background before anything is measured.
const WARM_UP: usize = 20;

impl Rig {
    /// Runs a few tasks, so that connections are open, statements prepared and definitions cached.
    pub(super) async fn warm_up(&self) -> Result<()> {
        let tasks = WARM_UP.min(STEPS_SUBMITTED.div_ceil(self.workload.steps()));
        self.one_at_a_time(tasks).await.map(drop)
    }

    /// Submits each task when the one before it has ended.
    pub(super) async fn one_at_a_time(&self, tasks: usize) -> Result<Latencies> {
        let (mut submits, mut ends) = (Vec::with_capacity(tasks), Vec::with_capacity(tasks));
        for number in 0..tasks {
            let began = Instant::now();
            let submitted = self.engine.submit(self.request(number)).await?;
            submits.push(began.elapsed());
            let task = self.engine.wait(submitted.task_id, PATIENCE).await?;
            ends.push(began.elapsed());
            if let Some(failure) = Failure::of_end(&TaskView::brief(task)) {
                return Err(failure);
            }
        }
        Ok(Latencies { submit: Quantiles::of(&submits), end_to_end: Quantiles::of(&ends) })
    }

    /// Submits all tasks as fast as the store takes them, while the workers run them.
    pub(super) async fn all_at_once(&self, tasks: usize) -> Result<Throughput> {
        let until = self.answered.load(Ordering::Relaxed) + tasks * self.workload.steps();
        let began = Instant::now();
        let (submitted, answered) = tokio::join!(self.submit_all(tasks), self.answered(until));
        submitted?;
        answered?;
        let seconds = began.elapsed().as_secs_f64();
        self.demand_all_complete().await?;
        Ok(Throughput { seconds })
    }

    async fn submit_all(&self, tasks: usize) -> Result<()> {
        let size = (STEPS_SUBMITTED / self.workload.steps()).max(1);
        let mut number = 0;
        while number < tasks {
            let end = (number + size).min(tasks);
            for answer in self.engine.submit_many((number..end).map(|number| self.request(number)).collect()).await? {
                answer?;
            }
            number = end;
        }
        Ok(())
    }

    /// Waits until that many attempts have been answered, and the store has confirmed the answers.
    async fn answered(&self, until: usize) -> Result<()> {
        let (mut seen, mut seen_at) = (0, Instant::now());
        loop {
            let answered = self.answered.load(Ordering::Relaxed);
            let is_confirmed =
                || self.workers.iter().all(|worker| worker.stats().outcomes == 0 && worker.stats().running == 0);
            if answered >= until && is_confirmed() {
                return Ok(());
            }
            if answered > seen {
                (seen, seen_at) = (answered, Instant::now());
            } else if seen_at.elapsed() > PATIENCE {
                let message =
                    format!("{answered} of {until} steps were run, and then none for {} s", PATIENCE.as_secs());
                let remedy = "run it again with --log info; if it stays so, it is a fault in Tasker: please report it";
                return Err(Failure::new("bench_stuck", message, remedy));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// A measurement of tasks that did not end as they should would be worth nothing.
    async fn demand_all_complete(&self) -> Result<()> {
        let states = TaskState::ALL.into_iter().filter(|state| *state != TaskState::Complete).collect();
        let (namespace, name) = (Some(NAMESPACE.to_owned()), Some(self.workload.name().to_owned()));
        let filter = TaskFilter { namespace, name, states, ..TaskFilter::default() };
        match self.engine.tasks(&filter, 1).await?.items.first() {
            None => Ok(()),
            Some(task) => Err(Failure::new(
                "bench_incomplete",
                format!("task {} is `{}`", task.task_id, task.state),
                "a run that was stopped may have left it: cancel it (`tasker task cancel`) or use another database",
            )),
        }
    }

    fn request(&self, number: usize) -> SubmitTask {
        let context = Json::from(&serde_json::json!({"number": number, "customer": "ada@example.net"}));
        SubmitTask::new(NAMESPACE, self.workload.name(), context)
    }
}
