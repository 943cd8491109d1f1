use std::collections::BTreeMap;

use super::{
    Compensation, Environment, Handler, Lifecycle, PublishedEvent, Retry, RetryOverride, StepOverride, StepTemplate,
    Template, WaitOverride,
    definition::{StepKind, SubWorkflow, Wait},
    dependencies,
    document::Node,
    environment::ALL,
    fault::{FaultCode, Faults, Mark, Path},
    fields, flow,
    load::load,
    reader::{Fields, Reader, step_name},
    shape::Table,
};
use crate::model::limits;

/// Reads a template from YAML, in either dialect, and brings it into canonical form.
///
/// `source_name` is what the text is called in faults, usually its path.
///
/// # Errors
/// Everything that is wrong with the text, sorted by position.
pub fn parse(text: &str, source_name: &str) -> Result<Template, Faults> {
    let (root, faults) = load(text);
    let mut reader = Reader { faults, namespace: String::new() };
    let template = root.map(|root| reader.template(&root));
    match template {
        Some(template) if reader.faults.is_empty() => Ok(template),
        _ => Err(Faults::new(source_name, reader.faults)),
    }
}

impl Reader {
    fn template(&mut self, root: &Node) -> Template {
        let fields = self.open(root, &Path::Top, &fields::TEMPLATE);
        self.namespace = fields.text("namespace").unwrap_or_default();
        let steps = self.steps(&fields);
        let finally = self.finally(&fields, &steps);
        let all: Vec<_> = steps.iter().chain(&finally).collect();
        let environments = fields.node("environments").map(Node::entries).unwrap_or_default();
        let environments = environments.iter().map(|entry| {
            let at = Path::Top.field("environments");
            (entry.key.to_string(), self.environment(&entry.value, &at.field(&entry.key), &all))
        });
        Template {
            environments: environments.collect(),
            name: fields.text("name").unwrap_or_default(),
            namespace: fields.text("namespace").unwrap_or_default(),
            version: fields.text("version").unwrap_or_default(),
            description: fields.text("description"),
            input_schema: fields.json("input_schema"),
            result: self.result(&fields, &steps),
            lifecycle: self.lifecycle(&fields),
            steps,
            finally,
        }
    }

    fn result(&mut self, fields: &Fields<'_>, steps: &[StepTemplate]) -> Option<String> {
        let entry = fields.entry("result")?;
        let text = entry.value.text()?;
        flow::check_result(self, text, entry.value.mark, steps);
        Some(text.to_owned())
    }

    fn steps(&mut self, fields: &Fields<'_>) -> Vec<StepTemplate> {
        let Some(entry) = fields.entry("steps") else { return Vec::new() };
        let (nodes, at) = (entry.value.items(), Path::Top.field(&entry.key));
        if nodes.is_empty() {
            let remedy = "add a step: `- {name: validate_order, handler: {callable: validate_order}}`".to_owned();
            self.report(FaultCode::NoSteps, entry.value.mark, &at, "the template has no steps".to_owned(), remedy);
        }
        if nodes.len() > limits::TEMPLATE_STEPS {
            let message = format!("{} steps; {} are allowed", nodes.len(), limits::TEMPLATE_STEPS);
            let remedy = "split the workflow into several templates".to_owned();
            self.report(FaultCode::TooManySteps, entry.value.mark, &at, message, remedy);
        }
        let mut places = Vec::with_capacity(nodes.len());
        let mut steps = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let (step, place) = self.step(node, &at.index(index));
            steps.push(step);
            places.push(place);
        }
        dependencies::check(self, &places, &at);
        flow::check(self, &steps, nodes, &at, &[]);
        steps
    }

    /// The steps that run however the task ends; all others come before each of them.
    fn finally(&mut self, fields: &Fields<'_>, earlier: &[StepTemplate]) -> Vec<StepTemplate> {
        let Some(entry) = fields.entry("finally") else { return Vec::new() };
        let (nodes, at) = (entry.value.items(), Path::Top.field(&entry.key));
        if earlier.len() + nodes.len() > limits::TEMPLATE_STEPS {
            let message = format!("{} steps; {} are allowed", earlier.len() + nodes.len(), limits::TEMPLATE_STEPS);
            let remedy = "split the workflow into several templates".to_owned();
            self.report(FaultCode::TooManySteps, entry.value.mark, &at, message, remedy);
        }
        let (mut places, mut steps) = (Vec::with_capacity(nodes.len()), Vec::with_capacity(nodes.len()));
        for (index, node) in nodes.iter().enumerate() {
            let at = at.index(index);
            let fields = self.open(node, &at, &fields::FINALLY);
            let (step, place) = self.step_of(&fields, node, &at);
            if let Some(entry) = place.name
                && earlier.iter().any(|other| other.name == step.name)
            {
                let message = format!("there is a step `{}` among `steps` already", step.name);
                let remedy = "give each step a name of its own".to_owned();
                self.report(FaultCode::DuplicateStep, entry.value.mark, &at.field(&entry.key), message, remedy);
            }
            steps.push(step);
            places.push(place);
        }
        dependencies::check(self, &places, &at);
        flow::check(self, &steps, nodes, &at, earlier);
        steps
    }

    fn step<'n>(&mut self, node: &'n Node, at: &Path<'_>) -> (StepTemplate, dependencies::Place<'n>) {
        let fields = self.open(node, at, &fields::STEP);
        self.step_of(&fields, node, at)
    }

    fn step_of<'n>(
        &mut self,
        fields: &Fields<'n>,
        node: &Node,
        at: &Path<'_>,
    ) -> (StepTemplate, dependencies::Place<'n>) {
        let name = fields.text("name").unwrap_or_default();
        if name == ALL {
            let mark = fields.node("name").map_or(node.mark, |name| name.mark);
            let message = "a step cannot be named `ALL`, which stands for every step in `environments`".to_owned();
            self.report(FaultCode::ReservedName, mark, &at.field("name"), message, "choose another name".to_owned());
        }
        let dependencies = fields.node("dependencies").map(Node::items).unwrap_or_default();
        let step = StepTemplate {
            name,
            kind: fields_kind(fields),
            handler: self.handler(fields, at),
            dependencies: dependencies.iter().filter_map(step_name).map(|(name, _)| name.to_owned()).collect(),
            retry: self.retry(fields, at),
            timeout_seconds: fields.number("timeout_seconds"),
            result_schema: fields.json("result_schema"),
            publishes_events: self.events(fields, at),
            when: fields.text("when"),
            on_exhaustion: fields.choice("on_exhaustion").unwrap_or_default(),
            wait: self.wait(fields, at),
            workflow: self.workflow(fields, at),
            for_each: fields.text("for_each"),
            parallelism: fields.whole("parallelism").and_then(|parts| parts.try_into().ok()),
            failure_strategy: fields.choice("failure_strategy"),
            compensate: self.compensation(fields, at),
        };
        (step, dependencies::Place { name: fields.entry("name"), dependencies: fields.entry("dependencies") })
    }

    /// `workflow: {...}`, or `WorkflowHandler` with the template in its configuration.
    fn workflow(&mut self, step: &Fields<'_>, at: &Path<'_>) -> Option<SubWorkflow> {
        if is_workflow_handler(step) {
            let place = at.field("handler_config");
            let config = step.node("handler_config").or_else(|| step.node("handler")?.get("initialization"));
            let text = |name: &str| config.and_then(|config| config.get(name)?.text()).map(str::to_owned);
            let name = text("task_template").or_else(|| text("name"));
            if name.is_none() {
                let mark = step.entry("handler_class").map_or(Mark::START, |entry| entry.value.mark);
                let message = "`WorkflowHandler` does not say which template it runs".to_owned();
                let remedy = "add `handler_config: {task_template: line_items}`".to_owned();
                self.report(FaultCode::WrongForType, mark, &place, message, remedy);
            }
            let input = BTreeMap::new();
            let namespace = text("namespace").unwrap_or_else(|| self.namespace.clone());
            return Some(SubWorkflow { namespace, name: name.unwrap_or_default(), version: text("version"), input });
        }
        let own = self.namespace.clone();
        let fields = self.nested(step, "workflow", at, &fields::WORKFLOW)?;
        Some(SubWorkflow {
            namespace: fields.text("namespace").unwrap_or(own),
            name: fields.text("name").unwrap_or_default(),
            version: fields.text("version"),
            input: fields.texts("input"),
        })
    }

    fn compensation(&mut self, step: &Fields<'_>, at: &Path<'_>) -> Option<Compensation> {
        let fields = self.nested(step, "compensate", at, &fields::COMPENSATION)?;
        let at = at.field("compensate");
        Some(Compensation {
            handler: self.handler(&fields, &at),
            retry: self.retry(&fields, &at),
            timeout_seconds: fields.number("timeout_seconds"),
        })
    }

    fn wait(&mut self, step: &Fields<'_>, at: &Path<'_>) -> Option<Wait> {
        let fields = self.nested(step, "wait", at, &fields::WAIT)?;
        Some(Wait {
            seconds: fields.number("seconds"),
            until: fields.text("until"),
            signal: fields.text("signal"),
            schema: fields.json("schema"),
            deadline_seconds: fields.number("deadline_seconds"),
        })
    }

    fn handler(&mut self, step: &Fields<'_>, at: &Path<'_>) -> Handler {
        if !fields_kind(step).has_handler() {
            return Handler::default();
        }
        if let Some(class) = step.entry("handler_class") {
            let callable = class.value.text().unwrap_or_default();
            return Handler {
                callable: callable.to_owned(),
                method: None,
                initialization: step.json("handler_config"),
            };
        }
        let handler = self.nested(step, "handler", at, &fields::HANDLER);
        let fields = handler.unwrap_or_default();
        Handler {
            callable: fields.text("callable").unwrap_or_default(),
            method: fields.text("method"),
            initialization: fields.json("initialization"),
        }
    }

    fn retry(&mut self, step: &Fields<'_>, at: &Path<'_>) -> Retry {
        let retry = self.retry_override(step, at).unwrap_or_default();
        let default = Retry::default();
        let backoff_base_ms = retry.backoff_base_ms.unwrap_or(default.backoff_base_ms);
        Retry {
            retryable: retry.retryable.unwrap_or(default.retryable),
            max_attempts: retry.max_attempts.unwrap_or(default.max_attempts),
            backoff: retry.backoff.unwrap_or(default.backoff),
            backoff_base_ms,
            // A first delay that was asked for is not cut by a cap that nobody asked for.
            max_backoff_ms: retry.max_backoff_ms.unwrap_or(default.max_backoff_ms.max(backoff_base_ms)),
            jitter: retry.jitter.unwrap_or(default.jitter),
        }
    }

    fn retry_override(&mut self, step: &Fields<'_>, at: &Path<'_>) -> Option<RetryOverride> {
        let fields = self.nested(step, "retry", at, &fields::RETRY)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 0 to 30 days")]
        let base_ms = fields.number("backoff_base_seconds").map(|seconds| (seconds * 1_000.0).round() as u64);
        Some(RetryOverride {
            retryable: fields.boolean("retryable"),
            max_attempts: fields.whole("max_attempts").and_then(|attempts| attempts.try_into().ok()),
            backoff: fields.choice("backoff"),
            backoff_base_ms: fields.whole("backoff_base_ms").or(base_ms),
            max_backoff_ms: fields.whole("max_backoff_ms"),
            jitter: fields.number("jitter"),
        })
    }

    fn events(&mut self, step: &Fields<'_>, at: &Path<'_>) -> Vec<PublishedEvent> {
        let events = self.list(step, "publishes_events", at, &fields::EVENT);
        let event = |fields: &Fields<'_>| PublishedEvent {
            name: fields.text("name").unwrap_or_default(),
            condition: fields.choice("condition").unwrap_or_default(),
            schema: fields.json("schema"),
        };
        events.iter().map(event).collect()
    }

    fn environment(&mut self, node: &Node, at: &Path<'_>, steps: &[&StepTemplate]) -> Environment {
        let fields = self.open(node, at, &fields::ENVIRONMENT);
        let Some(entry) = fields.entry("steps") else { return Environment { steps: Vec::new() } };
        let at = at.field(&entry.key);
        let nodes = entry.value.items().iter().enumerate();
        Environment { steps: nodes.map(|(index, node)| self.step_override(node, &at.index(index), steps)).collect() }
    }

    fn step_override(&mut self, node: &Node, at: &Path<'_>, steps: &[&StepTemplate]) -> StepOverride {
        let fields = self.open(node, at, &fields::OVERRIDE);
        let name = fields.text("name").unwrap_or_default();
        let named = steps.iter().find(|step| step.name == name);
        if let Some(entry) = fields.entry("name")
            && name != ALL
            // Without steps there is another fault, and this one would say nothing.
            && !steps.is_empty()
            && named.is_none()
        {
            let names = steps.iter().map(|step| step.name.as_str()).chain([ALL]);
            let remedy = dependencies::offer(self, &name, names);
            let message = format!("there is no step `{name}` to change");
            self.report(FaultCode::UnknownStep, entry.value.mark, &at.field(&entry.key), message, remedy);
        }
        let handler = self.nested(&fields, "handler", at, &fields::HANDLER_OVERRIDE);
        let handler_initialization = handler.and_then(|handler| handler.json("initialization"));
        StepOverride {
            name,
            timeout_seconds: fields.number("timeout_seconds"),
            retry: self.retry_override(&fields, at),
            initialization: fields.json("initialization").or(handler_initialization),
            wait: self.wait_override(&fields, at, named.copied()),
        }
    }

    /// `step` is the one that the override is for; none if it is for all of them.
    fn wait_override(
        &mut self,
        fields: &Fields<'_>,
        at: &Path<'_>,
        step: Option<&StepTemplate>,
    ) -> Option<WaitOverride> {
        let fields = self.nested(fields, "wait", at, &fields::WAIT_OVERRIDE)?;
        let at = at.field("wait");
        let wait = step.map(|step| step.wait.clone().unwrap_or_default());
        let fits = |is_given: fn(&Wait) -> bool| wait.as_ref().is_none_or(is_given);
        for (name, fits) in [
            ("seconds", fits(|wait| wait.seconds.is_some())),
            ("deadline_seconds", fits(|wait| wait.deadline_seconds.is_some())),
        ] {
            if let Some(entry) = fields.entry(name).filter(|_| !fits) {
                let message = format!("the step has no `{name}` to change");
                let remedy = "add it to the step's `wait`, or remove it here".to_owned();
                self.report(FaultCode::WrongForType, entry.value.mark, &at.field(name), message, remedy);
            }
        }
        Some(WaitOverride { seconds: fields.number("seconds"), deadline_seconds: fields.number("deadline_seconds") })
    }

    fn lifecycle(&mut self, template: &Fields<'_>) -> Lifecycle {
        let lifecycle = self.nested(template, "lifecycle", &Path::Top, &fields::LIFECYCLE);
        Lifecycle { max_duration_minutes: lifecycle.and_then(|fields| fields.number("max_duration_minutes")) }
    }

    /// The mapping under a field, if it is given.
    fn nested<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        at: &Path<'_>,
        table: &'static Table,
    ) -> Option<Fields<'n>> {
        let entry = fields.entry(name)?;
        Some(self.open(&entry.value, &at.field(&entry.key), table))
    }

    /// The mappings of the list under a field.
    fn list<'n>(&mut self, fields: &Fields<'n>, name: &str, at: &Path<'_>, table: &'static Table) -> Vec<Fields<'n>> {
        let Some(entry) = fields.entry(name) else { return Vec::new() };
        let at = at.field(&entry.key);
        let nodes = entry.value.items().iter().enumerate();
        nodes.map(|(index, node)| self.open(node, &at.index(index), table)).collect()
    }
}

fn fields_kind(step: &Fields<'_>) -> StepKind {
    match step.choice("type") {
        Some(kind) => kind,
        None if is_workflow_handler(step) => StepKind::Workflow,
        None if step.entry("for_each").is_some() => StepKind::BatchWorker,
        None => StepKind::default(),
    }
}

/// In either dialect, the name of this handler makes a step a workflow.
fn is_workflow_handler(step: &Fields<'_>) -> bool {
    let callable = step.node("handler_class").or_else(|| step.node("handler")?.get("callable"));
    callable.and_then(Node::text) == Some("WorkflowHandler")
}
