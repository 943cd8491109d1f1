use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::definition::{Backoff, Retry, StepTemplate, Template};

/// The name that stands for every step.
pub(super) const ALL: &str = "ALL";

/// What one environment changes. A step named `ALL` stands for every step and every compensation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    #[serde(default)]
    pub steps: Vec<StepOverride>,
}

/// The fields of a step that an environment may set; those not given stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepOverride {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryOverride>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialization: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitOverride>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryOverride {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_base_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_backoff_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

/// How long a step waits; each counts for steps that have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WaitOverride {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<f64>,
}

impl Template {
    /// The template with the overrides of an environment put in; unchanged where it has none of that name.
    #[must_use]
    pub fn for_environment(&self, name: Option<&str>) -> Self {
        let mut template = self.clone();
        let Some(environment) = name.and_then(|name| self.environments.get(name)) else {
            return template;
        };
        for step in template.steps.iter_mut().chain(&mut template.finally) {
            for change in &environment.steps {
                if change.is_for_all() || change.name == step.name {
                    change.put_into(step);
                }
            }
        }
        template
    }
}

impl StepOverride {
    /// Whether it is for every step, and not for one by its name.
    pub(super) fn is_for_all(&self) -> bool {
        self.name == ALL
    }

    fn put_into(&self, step: &mut StepTemplate) {
        step.timeout_seconds = self.timeout_seconds.or(step.timeout_seconds);
        if self.initialization.is_some() {
            step.handler.initialization.clone_from(&self.initialization);
        }
        if let Some(retry) = &self.retry {
            retry.put_into(&mut step.retry);
        }
        if let Some((change, wait)) = self.wait.as_ref().zip(step.wait.as_mut()) {
            wait.seconds = wait.seconds.map(|seconds| change.seconds.unwrap_or(seconds));
            wait.deadline_seconds = wait.deadline_seconds.map(|seconds| change.deadline_seconds.unwrap_or(seconds));
        }
        if let Some(compensation) = step.compensate.as_mut().filter(|_| self.is_for_all()) {
            compensation.timeout_seconds = self.timeout_seconds.or(compensation.timeout_seconds);
            if let Some(retry) = &self.retry {
                retry.put_into(&mut compensation.retry);
            }
        }
    }
}

impl RetryOverride {
    fn put_into(&self, retry: &mut Retry) {
        retry.retryable = self.retryable.unwrap_or(retry.retryable);
        retry.max_attempts = self.max_attempts.unwrap_or(retry.max_attempts);
        retry.backoff = self.backoff.unwrap_or(retry.backoff);
        retry.backoff_base_ms = self.backoff_base_ms.unwrap_or(retry.backoff_base_ms);
        retry.max_backoff_ms = self.max_backoff_ms.unwrap_or(retry.max_backoff_ms);
        retry.jitter = self.jitter.unwrap_or(retry.jitter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::parse;

    #[test]
    fn an_environment_shortens_waits_and_the_retries_of_compensations() {
        let yaml = "{name: t, namespace: n, version: 1.0.0, steps: [
            {name: rest, type: wait, wait: {seconds: 60}},
            {name: asked, type: wait, wait: {signal: go, deadline_seconds: 60}},
            {name: open, type: wait, wait: {signal: go}},
            {name: work, handler: {callable: h}, compensate: {handler: {callable: u}, timeout_seconds: 9}}],
            environments: {test: {steps: [{name: ALL, wait: {seconds: 1, deadline_seconds: 2}, retry: {backoff: none}},
            {name: asked, wait: {deadline_seconds: 3}}, {name: work, timeout_seconds: 4}]}}}";
        let template = parse(yaml, "it").unwrap_or_default().for_environment(Some("test"));
        let wait = |at: usize| template.steps[at].wait.clone().unwrap_or_default();
        assert_eq!((wait(0).seconds, wait(0).deadline_seconds), (Some(1.0), None));
        assert_eq!((wait(1).seconds, wait(1).deadline_seconds), (None, Some(3.0)));
        assert_eq!(wait(2).deadline_seconds, None, "what waits without a deadline goes on to");
        let compensation = template.steps[3].compensate.clone().unwrap_or_default();
        assert_eq!((compensation.timeout_seconds, compensation.retry.backoff), (Some(9.0), Backoff::None));
        assert_eq!(template.steps[3].timeout_seconds, Some(4.0));
    }
}
