use std::sync::Arc;

use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EndWork, Graph, GraphError, PlannedStep, Rules, WaitRules, plan::planned_steps, rules::expression};
use crate::{
    model::{AssignedHandler, Json, StepPlace, TemplateId, limits},
    template::{Expression, Handler, StepTemplate, Template},
};

/// Which template version a task runs, and under which environment's overrides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TemplateKey {
    pub id: TemplateId,
    pub environment: Option<Arc<str>>,
}

/// A template made ready to run: overrides put in, graph built, schemas compiled. Made once and shared by all its tasks.
#[derive(Debug)]
pub struct Definition {
    pub key: TemplateKey,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub version: Arc<str>,
    pub template: Template,
    pub graph: Graph,
    /// Every step that a task can come to have: the template's own, those of `finally`, then the compensations.
    pub steps: Arc<[PlannedStep]>,
    /// The rows that every task of this definition begins with.
    pub own_steps: Arc<[PlannedStep]>,
    pub end_work: EndWork,
    /// The handler of each step, as assignments carry it.
    pub handlers: Vec<AssignedHandler>,
    /// The result of a task; none for that of its last steps.
    pub result: Option<Expression>,
    /// By step; plain ones have none.
    rules: Vec<Option<Box<Rules>>>,
    input_schema: Option<Validator>,
    result_schemas: Vec<Option<Validator>>,
}

impl Definition {
    /// Makes a registered template ready to run in an environment.
    ///
    /// # Errors
    /// When the template was not checked before it was stored.
    pub fn new(id: TemplateId, template: &Template, environment: Option<&str>) -> Result<Self, DefinitionError> {
        let environment = environment.filter(|name| template.environments.contains_key(*name));
        let template = template.for_environment(environment);
        let own = template.steps.len();
        let template = Template { steps: template.all_steps(), ..template };
        let graph = Graph::new(&template)?;
        let steps = planned_steps(&template, &graph);
        let input_schema = template.input_schema.as_ref().map(compile).transpose()?;
        let result_schemas = template
            .steps
            .iter()
            .map(|step| step.result_schema.as_ref().map(compile).transpose())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            key: TemplateKey { id, environment: environment.map(Arc::from) },
            namespace: template.namespace.as_str().into(),
            name: template.name.as_str().into(),
            version: template.version.as_str().into(),
            own_steps: steps[..own].into(),
            end_work: EndWork::new(&template, &graph, own),
            steps,
            handlers: template.steps.iter().map(|step| assigned(&step.handler)).collect(),
            result: template.result.as_deref().map(expression).transpose()?,
            rules: template.steps.iter().map(Rules::new).collect::<Result<_, _>>()?,
            template,
            graph,
            input_schema,
            result_schemas,
        })
    }

    /// The step of a task that is called so, which may be a part that the task does not have.
    #[must_use]
    pub fn idx_of(&self, name: &str) -> Option<u32> {
        let of_step = |name: &str| self.steps.iter().find(|step| step.name.as_ref() == name).map(|step| step.idx);
        match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
            Some((step, part)) => {
                let part = part.parse().ok().filter(|part| (*part as usize) < limits::BATCH)?;
                Some(StepPlace::part(of_step(step)?, part).idx())
            }
            None => of_step(name),
        }
    }

    /// Whether tasks of it may come to parts while they run.
    #[must_use]
    pub fn has_batches(&self) -> bool {
        self.rules.iter().flatten().any(|rules| rules.batch.is_some())
    }

    /// The steps that are through when a step begins: every one before it; of a compensation its step too.
    pub fn before(&self, idx: u32) -> Box<dyn Iterator<Item = u32> + '_> {
        let idx = StepPlace::of(idx).step;
        let ancestors = self.graph.ancestors(idx);
        if let Some(step) = self.end_work.compensates(idx) {
            return Box::new(self.graph.ancestors(step).chain([step]));
        }
        if self.end_work.is_own(idx) {
            return Box::new(ancestors);
        }
        Box::new(self.graph.order().iter().copied().filter(|step| self.end_work.is_own(*step)).chain(ancestors))
    }

    /// Those of them whose results a step is given: of the steps that ran in parts, only what it names, or undoes.
    pub fn results_before(&self, idx: u32) -> impl Iterator<Item = u32> + '_ {
        let step = StepPlace::of(idx).step;
        let is_given = move |before: &u32| {
            let ran_in_parts = self.rules(*before).is_some_and(|rules| rules.batch.is_some());
            let is_named = || self.graph.dependencies(step).contains(before);
            !ran_in_parts || is_named() || self.end_work.compensates(step) == Some(*before)
        };
        self.before(step).filter(is_given)
    }

    /// What makes a step more than code that runs when its dependencies are done; none for a plain step, and for a part.
    #[must_use]
    pub fn rules(&self, idx: u32) -> Option<&Rules> {
        self.rules.get(idx as usize)?.as_deref()
    }

    /// The step of the template that a step of a task stands for: for a part, the one that it is a part of.
    #[must_use]
    pub fn step(&self, idx: u32) -> Option<&StepTemplate> {
        self.template.steps.get(StepPlace::of(idx).step as usize)
    }

    /// The name of a step of a task.
    #[must_use]
    pub fn step_name(&self, idx: u32) -> Option<String> {
        let place = StepPlace::of(idx);
        let name = &self.step(idx)?.name;
        Some(place.part.map_or_else(|| name.clone(), |part| part_name(name, part)))
    }

    /// The steps that wait for a signal, with its name, in the order of the template.
    pub fn signals(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..).zip(&self.rules).filter_map(|(idx, rules)| Some((idx, signal_of(rules.as_deref()?)?)))
    }

    /// The signal that a step waits for.
    #[must_use]
    pub fn signal(&self, idx: u32) -> Option<&str> {
        signal_of(self.rules(idx)?)
    }

    /// Checks a signal's payload against the schema of the first step that waits for it.
    ///
    /// # Errors
    /// Every place where the payload does not satisfy the schema.
    pub fn check_signal(&self, name: &str, payload: &Json) -> Result<(), Vec<SchemaFault>> {
        let idx = self.signals().find(|(_, known)| *known == name).map(|(idx, _)| idx);
        match idx.and_then(|idx| self.rules(idx)).and_then(|rules| rules.wait.as_ref()) {
            Some(WaitRules::Signal { schema, .. }) => check(schema.as_ref(), payload),
            _ => Ok(()),
        }
    }

    /// Checks a task's input against the template's `input_schema`.
    ///
    /// # Errors
    /// Every place where the input does not satisfy the schema.
    pub fn check_input(&self, input: &Json) -> Result<(), Vec<SchemaFault>> {
        check(self.input_schema.as_ref(), input)
    }

    /// Checks a step's result against its `result_schema`.
    ///
    /// # Errors
    /// Every place where the result does not satisfy the schema.
    pub fn check_result(&self, idx: u32, result: &Json) -> Result<(), Vec<SchemaFault>> {
        let place = StepPlace::of(idx);
        // Of a step that runs in parts, the schema is that of each part.
        if place.part.is_none() && self.rules(idx).is_some_and(|rules| rules.batch.is_some()) {
            return Ok(());
        }
        check(self.result_schemas.get(place.step as usize).and_then(Option::as_ref), result)
    }
}

/// What one part of a step is called: `resize[17]`. No step of a template can have such a name.
#[must_use]
pub fn part_name(step: &str, part: u32) -> String {
    format!("{step}[{part}]")
}

/// Why a stored template cannot be run. It was stored without being parsed by this library: register it again.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error("not a JSON Schema: {0}")]
    Schema(String),
    #[error("{0}")]
    Expression(String),
}

/// One place where a value does not satisfy its schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaFault {
    /// JSON Pointer of the offending value; empty for the value as a whole.
    pub path: String,
    pub message: String,
}

impl SchemaFault {
    /// The path, or `(root)` for the value as a whole.
    #[must_use]
    pub fn place(&self) -> &str {
        if self.path.is_empty() { "(root)" } else { &self.path }
    }
}

fn signal_of(rules: &Rules) -> Option<&str> {
    match rules.wait.as_ref()? {
        WaitRules::Signal { name, .. } => Some(name),
        _ => None,
    }
}

fn assigned(handler: &Handler) -> AssignedHandler {
    AssignedHandler {
        callable: handler.callable.as_str().into(),
        method: handler.method.as_deref().map(Into::into),
        config: handler.initialization.as_ref().map(Json::from),
    }
}

pub(super) fn compile(schema: &Value) -> Result<Validator, DefinitionError> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| DefinitionError::Schema(error.to_string()))
}

pub(super) fn check(schema: Option<&Validator>, value: &Json) -> Result<(), Vec<SchemaFault>> {
    let Some(schema) = schema else { return Ok(()) };
    let value = value.to_value();
    let faults: Vec<_> = schema
        .iter_errors(&value)
        .map(|error| SchemaFault { path: error.instance_path().to_string(), message: error.to_string() })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}
