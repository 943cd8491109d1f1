use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::environment::Environment;
use crate::model::FailureStrategy;

/// A checked template in canonical form: aliases resolved, defaults filled in, every dependency known, no cycle.
///
/// This is what is stored (as JSON) and shown; the parser makes it from YAML in either dialect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Name of the template, unique with namespace and version.
    pub name: String,
    /// Owner of the name, and the queue that the steps go to: 1 to 64 of `[A-Za-z0-9_]`, not beginning with a digit.
    pub namespace: String,
    /// Semantic version, for example `1.0.0`.
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema (2020-12) that a task's input must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Value>,
    pub steps: Vec<StepTemplate>,
    /// Steps that run when all others have ended, and what has to be undone is: however the task ends. They depend on one
    /// another only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<StepTemplate>,
    /// The result of a task, for the step that runs it as a sub-workflow: an expression (CEL) over the input and the results
    /// of its steps. If not given, the result of the last step, or an object of those of the last steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Overrides by environment name (`TASKER_ENV`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environments: BTreeMap<String, Environment>,
    #[serde(default)]
    pub lifecycle: Lifecycle,
}

/// One node of the graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepTemplate {
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: StepKind,
    /// Empty where no handler runs for the step.
    #[serde(default, skip_serializing_if = "Handler::is_none")]
    pub handler: Handler,
    /// Names of the steps that must be done before this one starts.
    #[serde(default)]
    pub dependencies: Vec<String>,
    #[serde(default)]
    pub retry: Retry,
    /// Seconds that one attempt may take; without it an attempt may take as long as its worker lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    /// JSON Schema (2020-12) that the handler's result must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_schema: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publishes_events: Vec<PublishedEvent>,
    /// An expression (CEL) over the input and the results before it; where it is false, the step is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    #[serde(default, skip_serializing_if = "OnExhaustion::is_fail")]
    pub on_exhaustion: OnExhaustion,
    /// Of a step of type `wait`: what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// Of a step of type `workflow`: what it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<SubWorkflow>,
    /// Of a step of type `batch_worker`: an expression (CEL) that gives the list of what its parts are for; where there is
    /// none, the step of type `batchable` before it says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// Of a step of type `batch_worker`: parts that run at the same time at most; no limit if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// Of a step of type `batch_worker`: what it means for the others when one part fails for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_strategy: Option<FailureStrategy>,
    /// What undoes the step, if it is complete when the task fails or is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensate: Option<Compensation>,
}

/// What undoes a step. It runs as a step of its own, by its own policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compensation {
    pub handler: Handler,
    #[serde(default)]
    pub retry: Retry,
    /// Seconds that one attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
}

impl Compensation {
    /// The step that undoes the one of this name. No step of a template can have its name.
    fn as_step(&self, name: &str) -> StepTemplate {
        StepTemplate {
            name: format!("compensate:{name}"),
            handler: self.handler.clone(),
            retry: self.retry.clone(),
            timeout_seconds: self.timeout_seconds,
            ..StepTemplate::default()
        }
    }
}

impl StepTemplate {
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }
}

/// What kind of node a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    #[default]
    Standard,
    /// Its handler says which of the steps that depend on it run; the others are skipped.
    Decision,
    /// Runs after those of its dependencies that were not skipped.
    DeferredConvergence,
    /// Waits for a time or a signal, without a handler.
    Wait,
    /// Runs a task of another template, and has its result.
    Workflow,
    /// Its handler says into which parts the work of a step after it is split.
    Batchable,
    /// Its handler runs once for each part of the work, and the step is done when all of them are.
    BatchWorker,
}

impl StepKind {
    /// Whether the engine itself sees to the step, so that it is in no queue. The parts of a batch worker are.
    #[must_use]
    pub fn is_by_engine(self) -> bool {
        !self.has_handler() || self == Self::BatchWorker
    }

    /// Whether code of the user's runs for it.
    #[must_use]
    pub fn has_handler(self) -> bool {
        !matches!(self, Self::Wait | Self::Workflow)
    }
}

/// The template that a step of type `workflow` runs a task of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubWorkflow {
    pub namespace: String,
    pub name: String,
    /// The highest registered version if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The task's input: each key with an expression (CEL) that gives its value. If there are none, the input is the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, String>,
}

/// What a step of type `wait` waits for; exactly one of the first three is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// So many seconds, from when it could begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// A point in time: an expression (CEL) that gives it as RFC 3339 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// A signal of this name, sent to the task before or during the wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// JSON Schema (2020-12) that the signal's payload must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Seconds after which the step fails with `wait_timed_out`, and its `on_exhaustion` says what then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<f64>,
}

/// What becomes of a step, and of what depends on it, when it has failed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExhaustion {
    /// The task fails; what depends on the step is cancelled.
    #[default]
    Fail,
    /// The step is skipped, and what depends on it runs without its result.
    Skip,
    /// The step is skipped, and what depends on it too.
    SkipCascade,
    /// The task waits for an operator, who retries or resolves the step; other branches run on.
    Block,
}

impl OnExhaustion {
    #[must_use]
    pub fn is_fail(&self) -> bool {
        *self == Self::Fail
    }
}

/// Which code runs a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// The registered name: any text without spaces, also `Module::Class` or `module.Class`.
    pub callable: String,
    /// The method to call where the handler has several; `call` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Configuration that the handler is given with every attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialization: Option<Value>,
}

impl Handler {
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.callable.is_empty()
    }
}

/// Whether, how often and when a failed step runs again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    pub retryable: bool,
    /// Attempts in all, the first included: 1 to 100.
    pub max_attempts: u32,
    pub backoff: Backoff,
    pub backoff_base_ms: u64,
    pub max_backoff_ms: u64,
    /// Part of the delay that is spread, from 0 (exact) to 1 (anywhere between half and one and a half of it).
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retryable: true,
            max_attempts: 3,
            backoff: Backoff::Exponential,
            backoff_base_ms: 1_000,
            max_backoff_ms: 30_000,
            jitter: 0.1,
        }
    }
}

/// How the delay grows from one failure to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// No delay.
    None,
    /// base, 2 base, 3 base, ...
    Linear,
    /// base, 2 base, 4 base, 8 base, ...
    Exponential,
    /// base, base, 2 base, 3 base, 5 base, ...
    Fibonacci,
}

/// An event that a step publishes when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedEvent {
    pub name: String,
    #[serde(default)]
    pub condition: PublishCondition,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishCondition {
    #[default]
    Always,
    Success,
    Failure,
    RetryableFailure,
    PermanentFailure,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// Minutes from submission after which a task that has not ended fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_minutes: Option<f64>,
}

impl Lifecycle {
    #[must_use]
    pub fn max_duration(&self) -> Option<Duration> {
        let seconds = self.max_duration_minutes? * 60.0;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Template {
    /// Every step that a task can come to have, by its index: the template's own, those of `finally`, then the compensations.
    #[must_use]
    pub fn all_steps(&self) -> Vec<StepTemplate> {
        let compensations = self.steps.iter().filter_map(|step| Some(step.compensate.as_ref()?.as_step(&step.name)));
        self.steps.iter().chain(&self.finally).cloned().chain(compensations).collect()
    }
}
