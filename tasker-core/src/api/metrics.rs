use std::{collections::HashMap, sync::atomic::AtomicU64, time::Duration};

use axum::{
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    access::Caller,
    carried::Carried,
    problem::{self, Refusals, Result},
};
use crate::{
    dag::Definition,
    model::{StepState, TaskId, Timestamp},
    orchestration::{Observer, Permission, Pool},
    state::{Changes, Definitions, StepChange, TaskChange},
    view::StatsView,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// What the server and its engine count
///
/// In Prometheus' text format. Counters are of this process; queues are those of the database.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = OK, description = "All metrics.", body = String, content_type = "text/plain"),
    Refusals,
))]
async fn metrics(State(api): State<Api>, caller: Caller) -> Result<Response> {
    caller.demand_everywhere(Permission::Read)?;
    api.metrics.measure(&StatsView::load(&api.engine).await?);
    api.metrics.measure_pools(&api.engine.pools());
    api.metrics.carried.measure(&api.engine).await?;
    let mut text = String::new();
    encode(&mut text, &api.metrics.registry).map_err(|_| problem::internal())?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// What is counted for Prometheus. Labels are namespaces, templates and routes, never ids: what grows with the tasks would
/// fill the memory of whoever reads it.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    submitted: Family<TemplateLabels, Counter>,
    claimed: Family<TemplateLabels, Counter>,
    steps: Family<StateLabels, Counter>,
    tasks: Family<StateLabels, Counter>,
    step_seconds: Family<TemplateLabels, Histogram>,
    task_seconds: Family<TemplateLabels, Histogram>,
    submission_tasks: Histogram,
    claim_steps: Histogram,
    report_outcomes: Histogram,
    commits: Counter,
    queue_steps: Family<QueueLabels, Gauge>,
    queue_oldest_seconds: Family<QueueLabels, Gauge<f64, AtomicU64>>,
    pool_connections: Family<PoolLabels, Gauge>,
    pool_limit: Family<PoolNames, Gauge>,
    running: Gauge,
    delayed: Gauge,
    slots: Gauge,
    pub(super) carried: Carried,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    queue: String,
    handler: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolNames {
    pool: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    pool: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TemplateLabels {
    namespace: String,
    template: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    namespace: String,
    template: String,
    state: &'static str,
}

const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 60.0];
/// Of steps and tasks, which may take hours.
const LONG_SECONDS: [f64; 12] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0];
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1_000.0];

impl Metrics {
    pub(super) fn new() -> Self {
        let long: fn() -> Histogram = || Histogram::new(LONG_SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("tasker"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            submitted: Family::default(),
            claimed: Family::default(),
            steps: Family::default(),
            tasks: Family::default(),
            step_seconds: Family::new_with_constructor(long),
            task_seconds: Family::new_with_constructor(long),
            submission_tasks: Histogram::new(SIZES),
            claim_steps: Histogram::new(SIZES),
            report_outcomes: Histogram::new(SIZES),
            commits: Counter::default(),
            queue_steps: Family::default(),
            queue_oldest_seconds: Family::default(),
            pool_connections: Family::default(),
            pool_limit: Family::default(),
            running: Gauge::default(),
            delayed: Gauge::default(),
            slots: Gauge::default(),
            carried: Carried::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        self.carried.register(registry);
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register("http_request_seconds", "Time to answer a request", self.request_seconds.clone());
        registry.register(
            "tasks_submitted",
            "Tasks stored, those that run for steps of others too",
            self.submitted.clone(),
        );
        registry.register("steps_claimed", "Steps handed to workers", self.claimed.clone());
        registry.register("steps_ended", "Steps that came to a final state", self.steps.clone());
        registry.register("tasks_ended", "Tasks that came to a final state", self.tasks.clone());
        registry.register(
            "step_seconds",
            "From the start of a step's last attempt to its end",
            self.step_seconds.clone(),
        );
        registry.register("task_seconds", "From the submission of a task to its end", self.task_seconds.clone());
        let help = "Tasks stored in one transaction for those who submit";
        registry.register("submission_tasks", help, self.submission_tasks.clone());
        registry.register("claim_steps", "Steps handed to workers in one transaction", self.claim_steps.clone());
        registry.register("report_outcomes", "Outcomes recorded in one transaction", self.report_outcomes.clone());
        registry.register("commits", "Transactions that changed tasks", self.commits.clone());
        registry.register("queue_steps", "Steps that wait for a worker", self.queue_steps.clone());
        let help = "Time since the submission of the oldest task that has a step in the queue";
        registry.register("queue_oldest_seconds", help, self.queue_oldest_seconds.clone());
        let help = "Connections of this process to the database, by what they are for";
        registry.register("pool_connections", help, self.pool_connections.clone());
        registry.register("pool_limit", "Connections that there may be", self.pool_limit.clone());
        registry.register("steps_running", "Attempts under a lease", self.running.clone());
        registry.register("steps_delayed", "Steps that wait for their next attempt", self.delayed.clone());
        registry.register("worker_slots", "Attempts that the workers could run at the same time", self.slots.clone());
    }

    pub(super) fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        // Anyone can make up methods.
        let method = if method.as_str().len() <= 7 { method.as_str() } else { "other" };
        let labels = RequestLabels { method: method.to_owned(), route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&RouteLabels { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// Takes over what the database holds now.
    fn measure(&self, stats: &StatsView) {
        // A queue that has run empty is not listed any more.
        self.queue_steps.clear();
        self.queue_oldest_seconds.clear();
        for queue in &stats.queues {
            let labels = QueueLabels { queue: queue.queue.clone(), handler: queue.handler.clone() };
            self.queue_steps.get_or_create(&labels).set(signed(queue.steps));
            let oldest = Duration::from_millis(queue.oldest_age_ms).as_secs_f64();
            self.queue_oldest_seconds.get_or_create(&labels).set(oldest);
        }
        self.running.set(signed(stats.running));
        self.delayed.set(signed(stats.delayed));
        self.slots.set(signed(stats.slots));
    }

    fn measure_pools(&self, pools: &[Pool]) {
        for Pool { name: pool, busy, idle, limit } in pools {
            self.pool_connections.get_or_create(&PoolLabels { pool, state: "busy" }).set(signed(*busy));
            self.pool_connections.get_or_create(&PoolLabels { pool, state: "idle" }).set(signed(*idle));
            self.pool_limit.get_or_create(&PoolNames { pool }).set(signed(*limit));
        }
    }

    fn step_ended(&self, step: &StepChange, ended_at: Timestamp, definition: &Definition) {
        self.steps.get_or_create(&state_labels(definition, step.state.as_str())).inc();
        if let (Some(started_at), StepState::Complete | StepState::Error) = (step.started_at, step.state) {
            let took = ended_at.since(started_at).as_secs_f64();
            self.step_seconds.get_or_create(&template_labels(definition)).observe(took);
        }
    }

    fn task_ended(&self, task: &TaskChange, ended_at: Timestamp, definition: &Definition) {
        self.tasks.get_or_create(&state_labels(definition, task.state.as_str())).inc();
        if let Some(submitted_at) = submitted_at(task.task_id) {
            let took = ended_at.since(submitted_at).as_secs_f64();
            self.task_seconds.get_or_create(&template_labels(definition)).observe(took);
        }
    }
}

impl Observer for Metrics {
    fn submitted(&self, namespace: &str, template: &str) {
        let labels = TemplateLabels { namespace: namespace.to_owned(), template: template.to_owned() };
        self.submitted.get_or_create(&labels).inc();
    }

    fn stored(&self, tasks: usize) {
        observe_size(&self.submission_tasks, tasks);
    }

    fn committed(&self, outcomes: usize, changes: &Changes, definitions: &dyn Definitions) {
        observe_size(&self.report_outcomes, outcomes);
        observe_size(&self.claim_steps, changes.claimed.len());
        self.commits.inc();
        for task in &changes.spawned {
            if let Some(definition) = definitions.get(&task.template) {
                self.submitted.get_or_create(&template_labels(&definition)).inc();
            }
        }
        let known = changes.tasks.iter().filter_map(|task| Some((task.task_id, definitions.get(&task.template)?)));
        let known: HashMap<TaskId, _> = known.collect();
        for task in &changes.tasks {
            if let (Some(ended_at), Some(definition), true) =
                (task.completed_at, known.get(&task.task_id), task.state.is_final())
            {
                self.task_ended(task, ended_at, definition);
            }
        }
        for step in &changes.steps {
            if let (Some(ended_at), Some(definition)) = (step.ended_at, known.get(&step.id.task_id)) {
                self.step_ended(step, ended_at, definition);
            }
        }
        for claimed in &changes.claimed {
            if let Some(definition) = known.get(&claimed.id.task_id) {
                self.claimed.get_or_create(&template_labels(definition)).inc();
            }
        }
    }
}

/// A batch of nothing is none.
fn observe_size(sizes: &Histogram, size: usize) {
    if size > 0 {
        sizes.observe(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn template_labels(definition: &Definition) -> TemplateLabels {
    TemplateLabels { namespace: definition.namespace.to_string(), template: definition.name.to_string() }
}

fn state_labels(definition: &Definition, state: &'static str) -> StateLabels {
    StateLabels { namespace: definition.namespace.to_string(), template: definition.name.to_string(), state }
}

/// A task's id was made when it was submitted, and says when that was.
fn submitted_at(task_id: TaskId) -> Option<Timestamp> {
    let (seconds, nanos) = task_id.0.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?.checked_add(i64::from(nanos / 1_000))?;
    Some(Timestamp::from_micros(micros))
}
