//! Checks of what makes a graph more than a fixed one: types of steps that go together, expressions over steps before.

use std::collections::{HashMap, HashSet};

use super::{
    StepKind, StepTemplate,
    dependencies::offer,
    document::Node,
    expression::Expression,
    fault::{FaultCode, Mark, Path},
    reader::Reader,
};

/// Reports steps that lack what their type needs, and expressions that read results which are not there.
/// Every one of `earlier` comes before each of the steps.
pub(super) fn check(
    reader: &mut Reader,
    steps: &[StepTemplate],
    nodes: &[Node],
    at: &Path<'_>,
    earlier: &[StepTemplate],
) {
    let before = Before::new(steps, earlier);
    for (index, (step, node)) in steps.iter().zip(nodes).enumerate() {
        let at = at.index(index);
        check_type(reader, steps, step, node, &at);
        let until = step.wait.as_ref().and_then(|wait| wait.until.as_deref());
        let inner = node.get("wait").and_then(|wait| wait.get("until"));
        let mapped = step.workflow.iter().flat_map(|workflow| &workflow.input).map(|(key, text)| {
            let place = node.get("workflow").and_then(|workflow| workflow.get("input")?.get(key));
            ("workflow", Some(text.as_str()), place)
        });
        let single = [
            ("when", step.when.as_deref(), node.get("when")),
            ("wait", until, inner),
            ("for_each", step.for_each.as_deref(), node.get("for_each")),
        ];
        for (field, text, place) in single.into_iter().chain(mapped) {
            let Some((text, place)) = text.zip(place) else { continue };
            let Ok(expression) = Expression::parse(text) else { continue };
            for named in expression.steps() {
                if !before.is_before(named, &step.name) {
                    let message = format!("`{}` does not come after a step `{named}`", step.name);
                    let remedy = offer(reader, named, before.of(&step.name).into_iter());
                    reader.report(FaultCode::BadExpression, place.mark, &at.field(field), message, remedy);
                }
            }
        }
    }
}

/// Reports what the result of a task reads and is not there.
pub(super) fn check_result(reader: &mut Reader, text: &str, mark: Mark, steps: &[StepTemplate]) {
    let Ok(expression) = Expression::parse(text) else { return };
    for named in expression.steps() {
        if !steps.iter().any(|step| step.name == *named) {
            let remedy = offer(reader, named, steps.iter().map(|step| step.name.as_str()));
            let message = format!("there is no step `{named}`");
            reader.report(FaultCode::BadExpression, mark, &Path::Top.field("result"), message, remedy);
        }
    }
}

fn check_type(reader: &mut Reader, steps: &[StepTemplate], step: &StepTemplate, node: &Node, at: &Path<'_>) {
    let dependents = || steps.iter().filter(|other| other.dependencies.contains(&step.name));
    let fault = match step.kind {
        StepKind::Decision if dependents().next().is_none() => {
            Some(("a decision has to have steps that depend on it", "let a step depend on it, or make it `standard`"))
        }
        StepKind::Batchable if !dependents().any(StepTemplate::is_fed) => Some((
            "a batchable step has to have a step that does the work",
            "let a step of type `batch_worker` depend on it, or make it `standard`",
        )),
        StepKind::DeferredConvergence if step.dependencies.is_empty() => Some((
            "a deferred convergence has to have dependencies",
            "name the branches that it runs after, or make it `standard`",
        )),
        StepKind::Wait if step.wait.is_none() => {
            Some(("a step of type `wait` has to say what it waits for", "add, for example, `wait: {signal: approved}`"))
        }
        StepKind::Workflow if step.workflow.is_none() => Some((
            "a step of type `workflow` has to say which template it runs",
            "add, for example, `workflow: {name: payment_refund, namespace: payments}`",
        )),
        kind if kind != StepKind::Workflow && step.workflow.is_some() => {
            Some(("only a step of type `workflow` runs another template", "add `type: workflow`, or remove `workflow`"))
        }
        kind if kind != StepKind::Wait && step.wait.is_some() => {
            Some(("only a step of type `wait` waits", "add `type: wait`, or remove `wait`"))
        }
        _ => batch_fault(steps, step),
    };
    if let Some((message, remedy)) = fault {
        let mark = node.get("type").or_else(|| node.get("step_type")).unwrap_or(node).mark;
        reader.report(FaultCode::WrongForType, mark, &at.field("type"), message.to_owned(), remedy.to_owned());
    }
}

/// What is wrong with how a step says where its parts come from.
fn batch_fault(steps: &[StepTemplate], step: &StepTemplate) -> Option<(&'static str, &'static str)> {
    let feeders = steps
        .iter()
        .filter(|other| other.kind == StepKind::Batchable && step.dependencies.contains(&other.name))
        .count();
    match (step.kind, feeders, step.for_each.is_some()) {
        (StepKind::BatchWorker, 0, false) => Some((
            "nothing says into which parts the work of this step is split",
            "add `for_each: input.rows`, or let it depend on a step of type `batchable`",
        )),
        (StepKind::BatchWorker, 2.., false) => Some((
            "two steps of type `batchable` say into which parts the work of this step is split",
            "let it depend on one of them, directly",
        )),
        (StepKind::BatchWorker, ..) => None,
        (_, _, true) => {
            Some(("only a step of type `batch_worker` runs for each value", "remove `type`, or `for_each`"))
        }
        _ if step.parallelism.is_some() || step.failure_strategy.is_some() => Some((
            "`parallelism` and `failure_strategy` are for steps of type `batch_worker`",
            "move them there, or remove them",
        )),
        _ => None,
    }
}

impl StepTemplate {
    /// Whether a step of type `batchable` says what its parts are for.
    fn is_fed(&self) -> bool {
        self.kind == StepKind::BatchWorker && self.for_each.is_none()
    }
}

/// Which steps come before which. Cycles and unknown names were reported before, and are passed over.
struct Before<'s> {
    earlier: Vec<&'s str>,
    dependencies: HashMap<&'s str, &'s [String]>,
}

impl<'s> Before<'s> {
    fn new(steps: &'s [StepTemplate], earlier: &'s [StepTemplate]) -> Self {
        Self {
            earlier: earlier.iter().map(|step| step.name.as_str()).collect(),
            dependencies: steps.iter().map(|step| (step.name.as_str(), step.dependencies.as_slice())).collect(),
        }
    }

    fn of(&self, step: &'s str) -> Vec<&'s str> {
        let (mut found, mut seen, mut left) = (self.earlier.clone(), HashSet::new(), vec![step]);
        while let Some(next) = left.pop() {
            for dependency in self.dependencies.get(next).copied().unwrap_or_default() {
                if seen.insert(dependency.as_str()) {
                    found.push(dependency.as_str());
                    left.push(dependency);
                }
            }
        }
        found
    }

    fn is_before(&self, earlier: &str, step: &'s str) -> bool {
        self.of(step).contains(&earlier)
    }
}
