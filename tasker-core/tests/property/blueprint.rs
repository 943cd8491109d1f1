//! What a template means, worked out in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use tasker_core::{
    model::Timestamp,
    template::{Backoff, Retry, Template},
};

/// A template as the tasks of one environment run it.
pub(crate) struct Blueprint {
    pub(crate) template: Template,
    /// By step: the steps that it names as its dependencies.
    pub(crate) dependencies: Vec<BTreeSet<usize>>,
    /// By step: every step that has to be done before it.
    pub(crate) ancestors: Vec<BTreeSet<usize>>,
}

impl Blueprint {
    pub(crate) fn new(template: &Template, environment: Option<&str>) -> Self {
        let template = template.for_environment(environment);
        let index: BTreeMap<_, _> = template.steps.iter().enumerate().map(|(at, step)| (&step.name, at)).collect();
        let of_step = template.steps.iter().map(|step| step.dependencies.iter().map(|name| index[name]).collect());
        let dependencies: Vec<BTreeSet<usize>> = of_step.collect();
        let ancestors = (0..dependencies.len()).map(|step| {
            let (mut found, mut left) = (BTreeSet::new(), vec![step]);
            while let Some(next) = left.pop() {
                left.extend(dependencies[next].iter().filter(|before| found.insert(**before)));
            }
            found
        });
        let ancestors = ancestors.collect();
        Self { template, dependencies, ancestors }
    }

    pub(crate) fn name(&self, step: usize) -> &str {
        &self.template.steps[step].name
    }

    pub(crate) fn retry(&self, step: usize) -> &Retry {
        &self.template.steps[step].retry
    }

    pub(crate) fn deadline(&self, created_at: Timestamp) -> Option<Timestamp> {
        self.template.lifecycle.max_duration().map(|span| created_at + span)
    }
}

/// Milliseconds from the failure that makes it `failures` to the next attempt; policies here have no jitter.
pub(crate) fn delay_ms(policy: &Retry, failures: u32, retry_after_ms: Option<u64>) -> u64 {
    let factor: u64 = match policy.backoff {
        Backoff::None => 0,
        Backoff::Linear => failures.into(),
        Backoff::Exponential => 2_u64.pow(failures - 1),
        Backoff::Fibonacci => [1, 1, 2, 3, 5, 8, 13][failures as usize - 1],
    };
    (policy.backoff_base_ms * factor).min(policy.max_backoff_ms).max(retry_after_ms.unwrap_or(0))
}
