use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use tasker_core::template::{Handler, Lifecycle, Retry, StepKind, StepTemplate, SubWorkflow, Template};

/// The name of the handler that does nothing.
pub(super) const HANDLER: &str = "bench_no_op";
/// That of the handler which splits the work into `parts`.
pub(super) const SPLIT: &str = "bench_split";
/// That of the handler which chooses the step `left`.
pub(super) const DECIDE: &str = "bench_decide";
pub(super) const NAMESPACE: &str = "tasker_bench";
/// The template of a sub-workflow.
const CHILD: &str = "child";

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
    /// A decision that leaves out one of two steps, and what comes after both
    Decision,
    /// a -> a task of another template, of one step -> z
    Subworkflow,
    /// A step that splits its work -> 1000 parts -> z
    #[value(name = "batch1000")]
    Batch1000,
    /// The same with 10000 parts
    #[value(name = "batch10000")]
    Batch10000,
}

impl Workload {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Diamond => "diamond",
            Self::Linear10 => "linear10",
            Self::Fan100 => "fan100",
            Self::Wide2000 => "wide2000",
            Self::Decision => "decision",
            Self::Subworkflow => "subworkflow",
            Self::Batch1000 => "batch1000",
            Self::Batch10000 => "batch10000",
        }
    }

    /// Steps of one task that a handler runs for: its parts and those of its sub-workflows too, those that are skipped not.
    pub(crate) fn steps(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Diamond => 4,
            Self::Linear10 => 10,
            Self::Fan100 => 102,
            Self::Wide2000 => 2_002,
            Self::Decision | Self::Subworkflow => 3,
            Self::Batch1000 => 1_002,
            Self::Batch10000 => 10_002,
        }
    }

    /// The template of the tasks, and those that it runs. Made here and not read from YAML, where a template has at most
    /// 2,000 steps.
    pub(super) fn templates(self) -> Vec<Template> {
        let steps = match self {
            Self::Single => vec![step("a", Vec::new())],
            Self::Diamond => fan(2),
            Self::Linear10 => {
                (0..10).map(|at: u32| step(&name(at), at.checked_sub(1).map(name).into_iter().collect())).collect()
            }
            Self::Fan100 => fan(100),
            Self::Wide2000 => fan(2_000),
            Self::Decision => decision(),
            Self::Subworkflow => {
                let child = template(CHILD, vec![step("a", Vec::new())]);
                return vec![child, template(self.name(), around_a_child())];
            }
            Self::Batch1000 => batch(1_000),
            Self::Batch10000 => batch(10_000),
        };
        vec![template(self.name(), steps)]
    }
}

fn template(name: &str, steps: Vec<StepTemplate>) -> Template {
    Template {
        name: name.to_owned(),
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

/// `a` lets `left` run, and `right` is skipped.
fn decision() -> Vec<StepTemplate> {
    let mut steps =
        vec![step("a", Vec::new()), after("left", &["a"]), after("right", &["a"]), after("z", &["left", "right"])];
    steps[0].kind = StepKind::Decision;
    steps[0].handler.callable = DECIDE.to_owned();
    steps[3].kind = StepKind::DeferredConvergence;
    steps
}

fn around_a_child() -> Vec<StepTemplate> {
    let mut steps = vec![step("a", Vec::new()), after("child", &["a"]), after("z", &["child"])];
    steps[1].kind = StepKind::Workflow;
    steps[1].handler = Handler::default();
    let child = SubWorkflow { namespace: NAMESPACE.to_owned(), name: CHILD.to_owned(), ..SubWorkflow::default() };
    steps[1].workflow = Some(child);
    steps
}

fn batch(parts: u32) -> Vec<StepTemplate> {
    let mut steps = vec![step("a", Vec::new()), after("each", &["a"]), after("z", &["each"])];
    steps[0].kind = StepKind::Batchable;
    steps[0].handler.callable = SPLIT.to_owned();
    steps[0].handler.initialization = Some(json!({"parts": parts}));
    steps[1].kind = StepKind::BatchWorker;
    steps
}

fn after(name: &str, dependencies: &[&str]) -> StepTemplate {
    step(name, dependencies.iter().map(ToString::to_string).collect())
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
            let templates = workload.templates();
            let template = templates.last().expect("a template");
            let graph = Graph::new(template).expect("a graph");
            let widths: Vec<usize> = layers(&graph).iter().map(Vec::len).collect();
            let (expected, others) = match workload {
                Workload::Single => (vec![1], 0),
                Workload::Diamond => (vec![1, 2, 1], 0),
                Workload::Linear10 => (vec![1; 10], 0),
                Workload::Fan100 => (vec![1, 100, 1], 0),
                Workload::Wide2000 => (vec![1, 2_000, 1], 0),
                Workload::Decision => (vec![1, 2, 1], -1),
                Workload::Subworkflow => (vec![1; 3], 0),
                // The step that the parts belong to has no attempt of its own.
                Workload::Batch1000 => (vec![1; 3], 999),
                Workload::Batch10000 => (vec![1; 3], 9_999),
            };
            assert_eq!(widths, expected, "{workload:?}");
            assert_eq!(graph.len().checked_add_signed(others), Some(workload.steps()), "{workload:?}");
            assert_eq!(template.name, workload.name());
        }
    }
}
