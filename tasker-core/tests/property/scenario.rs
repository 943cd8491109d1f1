//! What is tried: templates, workers and a list of actions.
//!
//! Actions name tasks and leases by a number that is taken modulo what there is, so that an action still means something
//! after others were left out.

use std::fmt;

use tasker_core::{
    state::Look,
    template::{
        Backoff, Environment, Handler, Lifecycle, OnExhaustion, Retry, RetryOverride, StepOverride, StepTemplate,
        Template,
    },
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
    pub(crate) namespace: usize,
    pub(crate) shape: Shape,
    pub(crate) steps: Vec<StepPlan>,
    pub(crate) deadline_minutes: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Any,
    Chain,
    /// One step, all others beside each other behind it, and one behind all.
    Fan,
}

#[derive(Clone, Debug)]
pub(crate) struct StepPlan {
    /// Dependencies lead to steps of a lower rank only.
    pub(crate) rank: u8,
    pub(crate) depends_on: Vec<usize>,
    pub(crate) handler: usize,
    pub(crate) retryable: bool,
    pub(crate) attempts: u32,
    pub(crate) attempts_at_night: u32,
    pub(crate) backoff: Backoff,
    pub(crate) base_ms: u64,
    pub(crate) cap_ms: u64,
    pub(crate) timeout_seconds: Option<u8>,
    /// Whether its results must be objects.
    pub(crate) is_checked: bool,
    pub(crate) on_exhaustion: OnExhaustion,
}

#[derive(Clone, Debug)]
pub(crate) struct WorkerPlan {
    pub(crate) engine: usize,
    pub(crate) handlers: Vec<&'static str>,
    pub(crate) queues: Vec<&'static str>,
    /// Steps of new tasks that it takes without asking for them, in all.
    pub(crate) room: usize,
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
    Operate {
        engine: usize,
        task: usize,
        verb: VerbPlan,
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

/// What an operator does; steps are named by a number that is taken modulo what there is, and none is every failed one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum VerbPlan {
    Pause,
    Resume,
    Resolve,
    Retry(Option<usize>),
    ResolveSteps { step: Option<usize>, has_result: bool },
    CompleteStep(usize),
    Prioritize(i16),
    Rerun,
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
            wait: None,
        });
        Template {
            name: format!("t{number}"),
            namespace: NAMESPACES[self.namespace].to_owned(),
            version: "1.0.0".to_owned(),
            description: None,
            input_schema: None,
            steps: steps.collect(),
            finally: Vec::new(),
            environments: [(NIGHT.to_owned(), Environment { steps: at_night.collect() })].into(),
            lifecycle: Lifecycle { max_duration_minutes: self.deadline_minutes.map(f64::from) },
            result: None,
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
            on_exhaustion: self.on_exhaustion,
            ..StepTemplate::default()
        }
    }
}

fn name(at: usize) -> String {
    format!("s{at}")
}
