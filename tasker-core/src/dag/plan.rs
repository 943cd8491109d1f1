use std::sync::Arc;

use super::{Definition, Graph, TemplateKey};
use crate::{
    model::{Json, Parent, StepState, TaskFlow, TaskId, TraceContext},
    template::Template,
};

/// What a caller asks for when it submits a task; the template is already found, the input already checked.
#[derive(Clone, Debug)]
pub struct Submission {
    pub context: Json,
    /// Higher goes first; 0 if not given.
    pub priority: i16,
    pub initiator: Option<String>,
    pub source_system: Option<String>,
    pub reason: Option<String>,
    pub tags: Vec<String>,
    pub correlation_id: Option<String>,
    pub parent_correlation_id: Option<String>,
    /// A second submission with the same key, namespace and name answers with the task of the first.
    pub idempotency_key: Option<String>,
    /// The task that this one runs again.
    pub rerun_of: Option<TaskId>,
    pub trace: Option<TraceContext>,
}

/// The rows of a task that is about to be stored. The store stamps the time.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub task_id: TaskId,
    pub template: TemplateKey,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub version: Arc<str>,
    pub submission: Submission,
    /// Milliseconds from now to the task's deadline.
    pub deadline_ms: Option<u64>,
    pub steps: Arc<[PlannedStep]>,
    /// The step of another task that it runs for.
    pub parent: Option<Parent>,
}

impl NewTask {
    /// Where the task stands in a flow; none for a plain one.
    #[must_use]
    pub fn flow(&self) -> Option<TaskFlow> {
        let flow =
            TaskFlow { parent: self.parent.clone(), trace: self.submission.trace.clone(), ..TaskFlow::default() };
        (flow != TaskFlow::default()).then_some(flow)
    }
}

/// The row that a step begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    pub idx: u32,
    pub name: Arc<str>,
    pub queue: Arc<str>,
    pub handler: Arc<str>,
    /// Dependencies to wait for; a step with none is enqueued at once.
    pub unmet: u32,
    pub dependents: Arc<[u32]>,
    /// The engine has to see to it before it can be in a queue, if it ever is.
    pub by_engine: bool,
}

impl PlannedStep {
    #[must_use]
    pub fn state(&self) -> StepState {
        match (self.unmet, self.by_engine) {
            (0, false) => StepState::Enqueued,
            // It is due at once, and so begins by the sweep at the latest.
            (0, true) => StepState::Waiting,
            _ => StepState::Pending,
        }
    }
}

/// The rows of a new task.
#[must_use]
pub fn plan(definition: &Definition, submission: Submission) -> NewTask {
    let deadline = definition.template.lifecycle.max_duration();
    NewTask {
        task_id: TaskId::new(),
        template: definition.key.clone(),
        namespace: Arc::clone(&definition.namespace),
        name: Arc::clone(&definition.name),
        version: Arc::clone(&definition.version),
        submission,
        deadline_ms: deadline.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        steps: Arc::clone(&definition.own_steps),
        parent: None,
    }
}

pub(super) fn planned_steps(template: &Template, graph: &Graph) -> Arc<[PlannedStep]> {
    let queue: Arc<str> = template.namespace.as_str().into();
    let planned = (0u32..).zip(&template.steps).map(|(idx, step)| PlannedStep {
        idx,
        name: step.name.as_str().into(),
        queue: Arc::clone(&queue),
        handler: step.handler.callable.as_str().into(),
        unmet: u32::try_from(graph.dependencies(idx).len()).unwrap_or(u32::MAX),
        dependents: graph.dependents(idx).into(),
        by_engine: step.kind.is_by_engine() || step.when.is_some(),
    });
    planned.collect()
}
