use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Serialize;
use tasker_core::template::{Handler, Lifecycle, Retry, StepKind, StepTemplate, Template};

/// The name of the handler that does nothing.
pub(super) const HANDLER: &str = "bench_no_op";
pub(super) const NAMESPACE: &str = "tasker_bench";

/// The shape of the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// One step
    Single,
    /// a -> (b, c) -> d
    Diamond,
    /// 10 in a row
    #[value(name = "linear10")]
    Linear10,
    /// a -> 100 parallel -> z
    #[value(name = "fan100")]
    Fan100,
    /// a -> 2000 parallel -> z
    #[value(name = "wide2000")]
    Wide2000,
}

impl Workload {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Diamond => "diamond",
            Self::Linear10 => "linear10",
            Self::Fan100 => "fan100",
            Self::Wide2000 => "wide2000",
        }
    }

    /// Steps of one task.
    pub(crate) fn steps(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Diamond => 4,
            Self::Linear10 => 10,
            Self::Fan100 => 102,
            Self::Wide2000 => 2_002,
        }
    }

    /// Made here and not read from YAML, where a template has at most 2,000 steps.
    pub(super) fn template(self) -> Template {
        let steps = match self {
            Self::Single => vec![step("a", Vec::new())],
            Self::Diamond => fan(2),
            Self::Linear10 => {
                (0..10).map(|at: u32| step(&name(at), at.checked_sub(1).map(name).into_iter().collect())).collect()
            }
            Self::Fan100 => fan(100),
            Self::Wide2000 => fan(2_000),
        };
        Template {
            name: self.name().to_owned(),
            namespace: NAMESPACE.to_owned(),
            version: "1.0.0".to_owned(),
            description: None,
            input_schema: None,
            steps,
            finally: Vec::new(),
            environments: BTreeMap::new(),
            lifecycle: Lifecycle::default(),
            result: None,
        }
    }
}

fn name(at: u32) -> String {
    format!("step_{at}")
}

fn fan(width: u32) -> Vec<StepTemplate> {
    let middle = (0..width).map(|at| step(&name(at), vec!["a".to_owned()]));
    let last = step("z", (0..width).map(name).collect());
    std::iter::once(step("a", Vec::new())).chain(middle).chain([last]).collect()
}

fn step(name: &str, dependencies: Vec<String>) -> StepTemplate {
    StepTemplate {
        name: name.to_owned(),
        kind: StepKind::Standard,
        handler: Handler { callable: HANDLER.to_owned(), method: None, initialization: None },
        dependencies,
        retry: Retry::default(),
        timeout_seconds: None,
        result_schema: None,
        ..StepTemplate::default()
    }
}

#[cfg(test)]
mod tests {
    use tasker_core::dag::{Graph, layers};

    use super::*;

    #[test]
    fn every_workload_has_the_shape_that_it_says() {
        for workload in Workload::value_variants() {
            let graph = Graph::new(&workload.template()).expect("a graph");
            assert_eq!(graph.len(), workload.steps(), "{workload:?}");
            let widths: Vec<usize> = layers(&graph).iter().map(Vec::len).collect();
            let expected = match workload {
                Workload::Single => vec![1],
                Workload::Diamond => vec![1, 2, 1],
                Workload::Linear10 => vec![1; 10],
                Workload::Fan100 => vec![1, 100, 1],
                Workload::Wide2000 => vec![1, 2_000, 1],
            };
            assert_eq!(widths, expected, "{workload:?}");
        }
    }
}
