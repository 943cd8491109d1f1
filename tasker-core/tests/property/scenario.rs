//! What is tried: templates, workers and a list of actions, drawn at random and shrunk by proptest.
//!
//! Actions name tasks and leases by a number that is taken modulo what there is, so that an action still means something
//! after others were left out.

use std::fmt;

use proptest::{collection::vec, option, prelude::*, sample::select};
use tasker_core::{
    state::Look,
    template::{Backoff, Environment, Handler, Lifecycle, Retry, RetryOverride, StepOverride, StepTemplate, Template},
};

pub(crate) const NAMESPACES: [&str; 2] = ["red", "blue"];
pub(crate) const HANDLERS: [&str; 3] = ["cut", "weld", "paint"];
/// The environment of the second engine; templates allow another number of attempts there.
pub(crate) const NIGHT: &str = "night";

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) templates: Vec<TemplatePlan>,
    pub(crate) workers: Vec<WorkerPlan>,
    pub(crate) actions: Vec<Action>,
}

#[derive(Clone, Debug)]
pub(crate) struct TemplatePlan {
    namespace: usize,
    shape: Shape,
    steps: Vec<StepPlan>,
    deadline_minutes: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Any,
    Chain,
    /// One step, all others beside each other behind it, and one behind all.
    Fan,
}

#[derive(Clone, Debug)]
struct StepPlan {
    /// Dependencies lead to steps of a lower rank only.
    rank: u8,
    depends_on: Vec<usize>,
    handler: usize,
    retryable: bool,
    attempts: u32,
    attempts_at_night: u32,
    backoff: Backoff,
    base_ms: u64,
    cap_ms: u64,
    timeout_seconds: Option<u8>,
    /// Whether its results must be objects.
    is_checked: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct WorkerPlan {
    pub(crate) engine: usize,
    pub(crate) handlers: Vec<&'static str>,
    pub(crate) queues: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Submit {
        engine: usize,
        requests: Vec<Request>,
        fate: Fate,
    },
    Work {
        worker: usize,
        reports: Vec<ReportPlan>,
        want: usize,
        look: Look,
        fate: Fate,
    },
    Extend {
        engine: usize,
        leases: Vec<Which>,
        fate: Fate,
    },
    Sweep {
        engine: usize,
        fate: Fate,
    },
    Cancel {
        engine: usize,
        task: usize,
        fate: Fate,
    },
    Register {
        engine: usize,
        template: usize,
    },
    Pass {
        ms: i64,
    },
    /// Turns the clock to the time at which something is due, or a microsecond before it.
    PassToDue {
        is_early: bool,
    },
    /// A worker dies: it forgets its leases, and comes back as another.
    LoseWorker {
        worker: usize,
    },
    /// A process dies: an engine begins anew, with nothing in its caches.
    RestartEngine {
        engine: usize,
    },
}

/// Whether the caller of a verb lives to see its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Answered,
    AnswerLost,
    /// The process dies while it waits for the so-manieth time.
    Dies(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) template: usize,
    pub(crate) priority: i16,
    pub(crate) key: Option<u8>,
    pub(crate) padding: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// A lease that a worker believes to hold, the newest first.
    Held(usize),
    /// A lease that was answered, or whose worker died.
    Gone(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct ReportPlan {
    pub(crate) which: Which,
    pub(crate) outcome: OutcomePlan,
    /// Whether the worker reports it again in the same call.
    pub(crate) is_doubled: bool,
    /// Whether the worker reports it again some time.
    pub(crate) is_kept: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum OutcomePlan {
    Success {
        padding: usize,
    },
    /// Succeeds with what is not an object.
    Malformed,
    Oversized,
    Retryable {
        retry_after_ms: Option<u64>,
    },
    Permanent,
    Timeout,
    Released,
    Abandoned,
}

/// A line for each part.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, template) in self.templates.iter().enumerate() {
            writeln!(
                f,
                "template t{number} {:?} {:?} deadline {:?}",
                template.shape, NAMESPACES[template.namespace], template.deadline_minutes
            )?;
            for (at, (step, list)) in template.steps.iter().zip(template.dependencies()).enumerate() {
                writeln!(f, "  s{at} after {list:?}: {step:?}")?;
            }
        }
        for (number, worker) in self.workers.iter().enumerate() {
            writeln!(f, "worker {number}: {worker:?}")?;
        }
        for (number, action) in self.actions.iter().enumerate() {
            writeln!(f, "action {number}: {action:?}")?;
        }
        Ok(())
    }
}

impl TemplatePlan {
    pub(crate) fn template(&self, number: usize) -> Template {
        let lists = self.dependencies();
        let steps = self.steps.iter().zip(lists).enumerate().map(|(at, (step, list))| step.template(at, &list));
        let at_night = self.steps.iter().enumerate().map(|(at, step)| StepOverride {
            name: name(at),
            timeout_seconds: None,
            retry: Some(RetryOverride { max_attempts: Some(step.attempts_at_night), ..RetryOverride::default() }),
            initialization: None,
        });
        Template {
            name: format!("t{number}"),
            namespace: NAMESPACES[self.namespace].to_owned(),
            version: "1.0.0".to_owned(),
            description: None,
            input_schema: None,
            steps: steps.collect(),
            environments: [(NIGHT.to_owned(), Environment { steps: at_night.collect() })].into(),
            lifecycle: Lifecycle { max_duration_minutes: self.deadline_minutes.map(f64::from) },
        }
    }

    fn dependencies(&self) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        order.sort_by_key(|at| (self.steps[*at].rank, *at));
        let mut lists = vec![Vec::new(); order.len()];
        for (place, at) in order.iter().enumerate() {
            let before = &order[..place];
            let mut list: Vec<usize> = match self.shape {
                Shape::Chain => before.last().into_iter().copied().collect(),
                Shape::Fan if place + 1 == order.len() => before.to_vec(),
                Shape::Fan => before.first().into_iter().copied().collect(),
                Shape::Any => self.steps[*at]
                    .depends_on
                    .iter()
                    .filter_map(|pick| before.get(pick % place.max(1)).copied())
                    .collect(),
            };
            list.sort_unstable();
            list.dedup();
            lists[*at] = list;
        }
        lists
    }
}

impl StepPlan {
    fn template(&self, at: usize, dependencies: &[usize]) -> StepTemplate {
        StepTemplate {
            name: name(at),
            kind: Default::default(),
            handler: Handler { callable: HANDLERS[self.handler].to_owned(), method: None, initialization: None },
            dependencies: dependencies.iter().map(|at| name(*at)).collect(),
            retry: Retry {
                retryable: self.retryable,
                max_attempts: self.attempts,
                backoff: self.backoff,
                backoff_base_ms: self.base_ms,
                max_backoff_ms: self.cap_ms,
                jitter: 0.0,
            },
            timeout_seconds: self.timeout_seconds.map(f64::from),
            result_schema: self.is_checked.then(|| serde_json::json!({"type": "object"})),
            publishes_events: Vec::new(),
        }
    }
}

fn name(at: usize) -> String {
    format!("s{at}")
}

pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let first = (0..2_usize, vec(request(), 1..4));
    let first = first.prop_map(|(engine, requests)| Action::Submit { engine, requests, fate: Fate::Answered });
    (vec(template(), 1..4), vec(worker(), 1..5), first, vec(action(), 0..110)).prop_map(
        |(templates, workers, first, mut actions)| {
            actions.insert(0, first);
            Scenario { templates, workers, actions }
        },
    )
}

pub(crate) fn template() -> impl Strategy<Value = TemplatePlan> {
    let shape = prop_oneof![5 => Just(Shape::Any), 1 => Just(Shape::Chain), 1 => Just(Shape::Fan)];
    let steps = prop_oneof![5 => vec(step(), 1..9), 1 => vec(step(), 9..41)];
    (0..2_usize, shape, steps, option::weighted(0.3, 1..10_u8)).prop_map(
        |(namespace, shape, steps, deadline_minutes)| TemplatePlan { namespace, shape, steps, deadline_minutes },
    )
}

fn step() -> impl Strategy<Value = StepPlan> {
    let backoff = select(vec![Backoff::None, Backoff::Linear, Backoff::Exponential, Backoff::Fibonacci]);
    let graph = (0..8_u8, vec(0..40_usize, 0..4), 0..HANDLERS.len());
    let retry = (prop::bool::weighted(0.9), 1..6_u32, 1..4_u32, backoff, 0..4_000_u64, 1_000..6_000_u64);
    let limits = (option::weighted(0.2, 1..60_u8), prop::bool::weighted(0.2));
    (graph, retry, limits).prop_map(|((rank, depends_on, handler), retry, (timeout_seconds, is_checked))| {
        let (retryable, attempts, attempts_at_night, backoff, base_ms, cap_ms) = retry;
        StepPlan {
            rank,
            depends_on,
            handler,
            retryable,
            attempts,
            attempts_at_night,
            backoff,
            base_ms,
            cap_ms,
            timeout_seconds,
            is_checked,
        }
    })
}

fn worker() -> impl Strategy<Value = WorkerPlan> {
    let handlers = prop::sample::subsequence(HANDLERS.to_vec(), 1..=HANDLERS.len());
    let queues = prop::sample::subsequence(NAMESPACES.to_vec(), 0..=1);
    (0..2_usize, handlers, queues).prop_map(|(engine, handlers, queues)| WorkerPlan { engine, handlers, queues })
}

fn action() -> impl Strategy<Value = Action> {
    let look = prop_oneof![4 => Just(Look::IfShort), 2 => Just(Look::Always), 1 => Just(Look::Nowhere)];
    let reports = prop_oneof![1 => Just(Vec::new()), 3 => vec(report(), 1..5)];
    let work = (0..4_usize, reports, 0..6_usize, look, fate());
    prop_oneof![
        40 => work.prop_map(|(worker, reports, want, look, fate)| Action::Work { worker, reports, want, look, fate }),
        4 => (0..2_usize, vec(request(), 1..4), fate())
            .prop_map(|(engine, requests, fate)| Action::Submit { engine, requests, fate }),
        3 => (0..2_usize, vec(which(), 1..4), fate()).prop_map(|(engine, leases, fate)| Action::Extend { engine, leases, fate }),
        8 => (0..2_usize, fate()).prop_map(|(engine, fate)| Action::Sweep { engine, fate }),
        1 => (0..2_usize, 0..4_usize, fate()).prop_map(|(engine, task, fate)| Action::Cancel { engine, task, fate }),
        1 => (0..2_usize, 0..4_usize).prop_map(|(engine, template)| Action::Register { engine, template }),
        6 => passing().prop_map(|ms| Action::Pass { ms }),
        6 => any::<bool>().prop_map(|is_early| Action::PassToDue { is_early }),
        2 => (0..4_usize).prop_map(|worker| Action::LoseWorker { worker }),
        1 => (0..2_usize).prop_map(|engine| Action::RestartEngine { engine }),
    ]
}

/// Milliseconds by which the clock jumps: a little, beyond leases, beyond deadlines, or a little back.
fn passing() -> impl Strategy<Value = i64> {
    prop_oneof![12 => 1..5_000_i64, 4 => 9_000..40_000_i64, 1 => 60_000..600_000_i64, 3 => -3_000..0_i64]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![10 => Just(Fate::Answered), 1 => Just(Fate::AnswerLost), 2 => (0..20_u32).prop_map(Fate::Dies)]
}

fn request() -> impl Strategy<Value = Request> {
    (0..4_usize, -2..3_i16, option::weighted(0.4, 0..3_u8), 0..2_000_usize)
        .prop_map(|(template, priority, key, padding)| Request { template, priority, key, padding })
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![6 => (0..6_usize).prop_map(Which::Held), 1 => (0..12_usize).prop_map(Which::Gone)]
}

fn report() -> impl Strategy<Value = ReportPlan> {
    (which(), outcome(), prop::bool::weighted(0.1), prop::bool::weighted(0.1))
        .prop_map(|(which, outcome, is_doubled, is_kept)| ReportPlan { which, outcome, is_doubled, is_kept })
}

fn outcome() -> impl Strategy<Value = OutcomePlan> {
    prop_oneof![
        24 => (0..1_500_usize).prop_map(|padding| OutcomePlan::Success { padding }),
        1 => Just(OutcomePlan::Malformed),
        1 => Just(OutcomePlan::Oversized),
        6 => option::weighted(0.3, 1..20_000_u64).prop_map(|retry_after_ms| OutcomePlan::Retryable { retry_after_ms }),
        1 => Just(OutcomePlan::Permanent),
        2 => Just(OutcomePlan::Timeout),
        3 => Just(OutcomePlan::Released),
        3 => Just(OutcomePlan::Abandoned),
    ]
}
