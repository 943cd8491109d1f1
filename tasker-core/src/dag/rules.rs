use std::time::Duration;

use jsonschema::Validator;

use super::definition::{DefinitionError, check, compile};
use crate::{
    model::{FailureStrategy, Json},
    template::{Expression, OnExhaustion, PublishedEvent, StepKind, StepTemplate, SubWorkflow, Wait},
};

/// What makes a step more than code that runs when its dependencies are done; made ready to be looked at often.
#[derive(Debug)]
pub struct Rules {
    pub kind: StepKind,
    pub when: Option<Expression>,
    pub on_exhaustion: OnExhaustion,
    pub publishes: Vec<Publication>,
    pub wait: Option<WaitRules>,
    pub workflow: Option<WorkflowRules>,
    pub batch: Option<BatchRules>,
}

/// How the parts of a step come about, and how they run.
#[derive(Debug)]
pub struct BatchRules {
    /// Gives what they are for; none where a step before it says that.
    pub for_each: Option<Expression>,
    pub parallelism: Option<u32>,
    pub failure_strategy: FailureStrategy,
}

/// The template that a step runs a task of, and the input of that.
#[derive(Debug)]
pub struct WorkflowRules {
    pub template: TemplateName,
    /// By key; none for the input of the task itself.
    pub input: Vec<(String, Expression)>,
}

/// A template by what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TemplateName {
    pub namespace: String,
    pub name: String,
    /// The highest if not given.
    pub version: Option<String>,
}

/// What a step waits for, and for how long.
#[derive(Debug)]
pub enum WaitRules {
    Span(Duration),
    Until(Expression),
    Signal { name: String, schema: Option<Validator>, deadline: Option<Duration> },
}

/// An event that a step publishes.
#[derive(Debug)]
pub struct Publication {
    pub event: PublishedEvent,
    schema: Option<Validator>,
}

impl Rules {
    /// The rules of a step; none for a plain one.
    pub(super) fn new(step: &StepTemplate) -> Result<Option<Box<Self>>, DefinitionError> {
        let is_plain = step.kind == StepKind::Standard
            && step.when.is_none()
            && step.on_exhaustion == OnExhaustion::Fail
            && step.publishes_events.is_empty();
        if is_plain {
            return Ok(None);
        }
        Ok(Some(Box::new(Self {
            kind: step.kind,
            when: step.when.as_deref().map(expression).transpose()?,
            on_exhaustion: step.on_exhaustion,
            wait: step.wait.as_ref().and_then(|wait| WaitRules::new(wait).transpose()).transpose()?,
            workflow: step.workflow.as_ref().map(WorkflowRules::new).transpose()?,
            batch: (step.kind == StepKind::BatchWorker).then(|| BatchRules::new(step)).transpose()?,
            publishes: step.publishes_events.iter().map(Publication::new).collect::<Result<_, _>>()?,
        })))
    }

    /// Whether the step runs after those of its dependencies that were not skipped.
    #[must_use]
    pub fn is_convergence(&self) -> bool {
        self.kind == StepKind::DeferredConvergence
    }
}

impl Rules {
    /// Whether the engine sees to the step itself, so that it is never in a queue.
    #[must_use]
    pub fn is_by_engine(&self) -> bool {
        self.kind.is_by_engine()
    }

    /// Whether the engine lets the step begin: it has no handler, or the handler is for its parts.
    #[must_use]
    pub fn begins_by_engine(&self) -> bool {
        self.is_by_engine() || self.batch.is_some()
    }
}

impl BatchRules {
    fn new(step: &StepTemplate) -> Result<Self, DefinitionError> {
        Ok(Self {
            for_each: step.for_each.as_deref().map(expression).transpose()?,
            parallelism: step.parallelism,
            failure_strategy: step.failure_strategy.unwrap_or_default(),
        })
    }
}

impl WorkflowRules {
    fn new(workflow: &SubWorkflow) -> Result<Self, DefinitionError> {
        let SubWorkflow { namespace, name, version, input } = workflow.clone();
        let input = input.into_iter().map(|(key, text)| Ok::<_, DefinitionError>((key, expression(&text)?)));
        Ok(Self { template: TemplateName { namespace, name, version }, input: input.collect::<Result<_, _>>()? })
    }
}

impl WaitRules {
    fn new(wait: &Wait) -> Result<Option<Self>, DefinitionError> {
        let span = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        if let Some(name) = &wait.signal {
            let schema = wait.schema.as_ref().map(compile).transpose()?;
            return Ok(Some(Self::Signal { name: name.clone(), schema, deadline: wait.deadline_seconds.map(span) }));
        }
        let until = wait.until.as_deref().map(expression).transpose()?.map(Self::Until);
        Ok(until.or(wait.seconds.map(|seconds| Self::Span(span(seconds)))))
    }
}

impl Publication {
    fn new(event: &PublishedEvent) -> Result<Self, DefinitionError> {
        let schema = event.schema.as_ref().map(compile).transpose()?;
        Ok(Self { event: event.clone(), schema })
    }

    /// # Errors
    /// Where the payload does not satisfy the schema, in words.
    pub fn check(&self, payload: &Json) -> Result<(), String> {
        check(self.schema.as_ref(), payload).map_err(|faults| {
            let places = faults.iter().take(10).map(|fault| format!("{}: {}", fault.place(), fault.message));
            places.collect::<Vec<_>>().join("; ")
        })
    }
}

pub(super) fn expression(text: &str) -> Result<Expression, DefinitionError> {
    Expression::parse(text).map_err(|(message, _)| DefinitionError::Expression(message))
}
