//! Every field that a template may have.

use super::shape::{Bound, Field, Rule, Shape, Table};
use crate::model::limits;

const DAYS_30_SECONDS: f64 = 30.0 * 24.0 * 3_600.0;
const DAYS_30_MS: u64 = 30 * 24 * 3_600 * 1_000;
const YEAR_MINUTES: f64 = 366.0 * 24.0 * 60.0;

const TIMEOUT: Shape = Shape::Number { bound: Bound::Above(0.0), most: DAYS_30_SECONDS };
const WAIT_SECONDS: Shape = Shape::Number { bound: Bound::Above(0.0), most: YEAR_MINUTES * 60.0 };
const DELAY_MS: Shape = Shape::Whole { least: 0, most: DAYS_30_MS };

pub(super) static TEMPLATE: Table = Table {
    name: "template",
    about: "A workflow: named steps, what each depends on, and the handler that runs it.",
    fields: &[
        Field::new(
            "name",
            Shape::Word(Rule::Name),
            "order_fulfillment",
            "Name of the template, unique with namespace and version.",
        )
        .required(),
        Field::new(
            "namespace",
            Shape::Word(Rule::Namespace),
            "ecommerce",
            "Owner of the name, and the queue that the steps go to.",
        )
        .required()
        .or(&["namespace_name"]),
        Field::new(
            "version",
            Shape::Word(Rule::Version),
            "1.0.0",
            "Semantic version. A registered version never changes: other content needs another version.",
        )
        .required(),
        Field::new("description", Shape::Text, "Ships an order", "What the workflow is for."),
        Field::new(
            "input_schema",
            Shape::Schema,
            "{type: object, required: [order_id]}",
            "JSON Schema (2020-12) that the input of a task has to satisfy.",
        ),
        Field::new(
            "steps",
            Shape::ListOf(&STEP),
            "[{name: validate_order, handler: {callable: validate_order}}]",
            "The steps, in any order; 1 to 2,000.",
        )
        .required()
        .or(&["step_templates"]),
        Field::new(
            "finally",
            Shape::ListOf(&FINALLY),
            "[{name: release_stock, handler: {callable: release_stock}}]",
            "Steps that run when all others have ended, however the task ends.",
        ),
        Field::new(
            "result",
            Shape::Expression,
            "results.process_refund",
            "The result of a task, for the step that runs it as a sub-workflow: an expression (CEL) over `input` and `results`.",
        ),
        Field::new(
            "environments",
            Shape::MapOf(&ENVIRONMENT),
            "{test: {steps: [{name: ALL, timeout_seconds: 5}]}}",
            "What changes in an environment, by its name (`TASKER_ENV`).",
        ),
        Field::new("lifecycle", Shape::Object(&LIFECYCLE), "{max_duration_minutes: 60}", "How long a task may take."),
        INERT[0],
        INERT[1],
        INERT[2],
        INERT[3],
        INERT[4],
    ],
    one_of: &[],
    apart: &[],
};

pub(super) static STEP: Table = Table {
    name: "step",
    about: "One node of the graph.",
    fields: &[
        NAME,
        DESCRIPTION,
        Field::new(
            "type",
            Shape::Choice(&[
                "standard",
                "decision",
                "deferred_convergence",
                "batchable",
                "batch_worker",
                "workflow",
                "wait",
            ]),
            "standard",
            "What kind of node the step is; if not given, `batch_worker` with `for_each`, else `standard`.",
        )
        .or(&["step_type"]),
        HANDLER_FIELD,
        HANDLER_CLASS,
        HANDLER_CONFIG,
        Field::new(
            "dependencies",
            Shape::StepNames,
            "[validate_order]",
            "Names of the steps that have to be done before this one starts.",
        )
        .or(&["depends_on", "depends_on_step_name"]),
        RETRY_FIELD,
        TIMEOUT_FIELD,
        RESULT_SCHEMA,
        WHEN,
        Field::new(
            "on_exhaustion",
            Shape::Choice(&["fail", "skip", "skip_cascade", "block"]),
            "skip",
            "What becomes of the step when it has failed for good; `fail` if not given.",
        ),
        Field::new(
            "workflow",
            Shape::Object(&WORKFLOW),
            "{name: payment_refund, namespace: payments, input: {payment_id: input.payment_id}}",
            "The template that a step of type `workflow` runs a task of; it has no handler.",
        ),
        Field::new(
            "wait",
            Shape::Object(&WAIT),
            "{signal: approved, deadline_seconds: 86400}",
            "What a step of type `wait` waits for; it has no handler.",
        ),
        Field::new(
            "for_each",
            Shape::Expression,
            "input.rows",
            "An expression (CEL) over `input` and `results` that gives a list: the handler runs once for each of its values.",
        ),
        Field::new(
            "parallelism",
            Shape::Whole { least: 1, most: limits::BATCH as u64 },
            "10",
            "Of a step of type `batch_worker`: parts that run at the same time at most; no limit if not given.",
        ),
        Field::new(
            "failure_strategy",
            Shape::Choice(&["continue_on_failure", "fail_fast", "isolate"]),
            "fail_fast",
            "Of a step of type `batch_worker`: what a part that fails for good means for the others; `continue_on_failure` \
             if not given.",
        ),
        Field::new(
            "compensate",
            Shape::Object(&COMPENSATION),
            "{handler: {callable: refund_payment}}",
            "What undoes the step, if it is complete when the task fails or is cancelled.",
        ),
        EVENTS,
        INERT[0],
        INERT[1],
        INERT[2],
        INERT[3],
        INERT[4],
    ],
    one_of: &[&["handler", "handler_class", "workflow", "wait"]],
    apart: &[("handler", "handler_config"), ("wait", "handler_config"), ("workflow", "handler_config")],
};

pub(super) static FINALLY: Table = Table {
    name: "step of finally",
    about: "One step that runs however the task ends.",
    fields: &[
        NAME,
        DESCRIPTION,
        Field::new("type", Shape::Choice(&["standard"]), "standard", "`standard`, as all steps of `finally` are.")
            .or(&["step_type"]),
        HANDLER_FIELD,
        HANDLER_CLASS,
        HANDLER_CONFIG,
        Field::new(
            "dependencies",
            Shape::StepNames,
            "[collect_logs]",
            "Names of the steps of `finally` that have to be done before this one starts.",
        )
        .or(&["depends_on", "depends_on_step_name"]),
        RETRY_FIELD,
        TIMEOUT_FIELD,
        RESULT_SCHEMA,
        WHEN,
        Field::new(
            "on_exhaustion",
            Shape::Choice(&["fail", "skip", "skip_cascade"]),
            "skip",
            "What becomes of the step when it has failed for good; `fail` if not given.",
        ),
        EVENTS,
    ],
    one_of: &[&["handler", "handler_class"]],
    apart: &[("handler", "handler_config")],
};

pub(super) static COMPENSATION: Table = Table {
    name: "compensation",
    about: "What undoes a step that is complete, when the task fails or is cancelled.",
    fields: &[
        Field::new("handler", Shape::Object(&HANDLER), "{callable: refund_payment}", "The code that undoes the step.")
            .required(),
        RETRY_FIELD,
        TIMEOUT_FIELD,
    ],
    one_of: &[],
    apart: &[],
};

// What steps of both kinds have.
const NAME: Field =
    Field::new("name", Shape::Word(Rule::Name), "validate_order", "Name of the step, unique in the template.")
        .required();
const DESCRIPTION: Field = Field::new(
    "description",
    Shape::Text,
    "Checks the order",
    "What the step is for; it is for readers of the file only.",
);
const HANDLER_FIELD: Field =
    Field::new("handler", Shape::Object(&HANDLER), "{callable: validate_order}", "The code that runs the step.");
const HANDLER_CLASS: Field = Field::new(
    "handler_class",
    Shape::Word(Rule::HandlerClass),
    "ValidateHandler",
    "Older form of `handler: {callable: ...}`.",
);
const HANDLER_CONFIG: Field = Field::new(
    "handler_config",
    Shape::Configuration,
    "{unit: kg}",
    "Older form of `handler: {initialization: ...}`; goes with `handler_class`.",
);
const RETRY_FIELD: Field =
    Field::new("retry", Shape::Object(&RETRY), "{max_attempts: 3}", "Whether, how often and when it runs again.");
const TIMEOUT_FIELD: Field = Field::new(
    "timeout_seconds",
    TIMEOUT,
    "30",
    "Seconds that one attempt may take; without it, as long as its worker lives.",
);
const RESULT_SCHEMA: Field = Field::new(
    "result_schema",
    Shape::Schema,
    "{type: object, required: [total]}",
    "JSON Schema (2020-12) that the handler's result has to satisfy.",
);
const WHEN: Field = Field::new(
    "when",
    Shape::Expression,
    "input.amount > 100",
    "An expression (CEL) over `input` and `results`; where it is false, the step is skipped.",
);
const EVENTS: Field = Field::new(
    "publishes_events",
    Shape::ListOf(&EVENT),
    "[{name: order.validated, condition: success}]",
    "Events that are published when the step ends.",
);

pub(super) static HANDLER: Table = Table {
    name: "handler",
    about: "Which code runs a step, and with which configuration.",
    fields: &[
        Field::new(
            "callable",
            Shape::Word(Rule::Callable),
            "validate_order",
            "The registered name of the handler, `Module::Class` or `module.Class`.",
        )
        .required(),
        Field::new("method", Shape::Word(Rule::Callable), "call", "The method to call where the handler has several."),
        INITIALIZATION,
    ],
    one_of: &[],
    apart: &[],
};

const INITIALIZATION: Field = Field::new(
    "initialization",
    Shape::Configuration,
    "{unit: kg}",
    "Configuration that the handler is given with every attempt.",
);

pub(super) static RETRY: Table = Table {
    name: "retry policy",
    about: "Whether, how often and when a failed step runs again.",
    fields: &[
        Field::new("retryable", Shape::Boolean, "true", "Whether it runs again at all; true if not given."),
        Field::new(
            "max_attempts",
            Shape::Whole { least: 1, most: limits::ATTEMPTS as u64 },
            "3",
            "Attempts in all, the first included; 3 if not given.",
        ),
        Field::new(
            "backoff",
            Shape::Choice(&["none", "linear", "exponential", "fibonacci"]),
            "exponential",
            "How the delay grows from one failure to the next; exponential if not given.",
        )
        .or(&["backoff_strategy"]),
        Field::new("backoff_base_ms", DELAY_MS, "1000", "The first delay in milliseconds; 1000 if not given."),
        Field::new(
            "backoff_base_seconds",
            Shape::Number { bound: Bound::Least(0.0), most: DAYS_30_SECONDS },
            "1",
            "The first delay in seconds: another way to write `backoff_base_ms`.",
        ),
        Field::new(
            "max_backoff_ms",
            DELAY_MS,
            "30000",
            "The longest delay in milliseconds; if not given, 30000 or the first delay, whichever is longer.",
        ),
        Field::new(
            "jitter",
            Shape::Number { bound: Bound::Least(0.0), most: 1.0 },
            "0.1",
            "The part of a delay that is spread, from 0 (exact) to 1; 0.1 if not given.",
        ),
    ],
    one_of: &[],
    apart: &[("backoff_base_ms", "backoff_base_seconds")],
};

pub(super) static EVENT: Table = Table {
    name: "event",
    about: "An event that a step publishes when it ends.",
    fields: &[
        Field::new("name", Shape::Word(Rule::Name), "order.validated", "Name of the event.").required(),
        Field::new(
            "condition",
            Shape::Choice(&["always", "success", "failure", "retryable_failure", "permanent_failure"]),
            "success",
            "The outcomes after which it is published; always if not given.",
        ),
        Field::new(
            "schema",
            Shape::Schema,
            "{type: object}",
            "JSON Schema (2020-12) that the event's payload has to satisfy.",
        ),
    ],
    one_of: &[],
    apart: &[],
};

pub(super) static WORKFLOW: Table = Table {
    name: "workflow",
    about: "The template that a step runs a task of.",
    fields: &[
        Field::new("name", Shape::Word(Rule::Name), "payment_refund", "Name of the template.").required(),
        Field::new(
            "namespace",
            Shape::Word(Rule::Namespace),
            "payments",
            "Namespace of the template; if not given, that of this one.",
        ),
        Field::new("version", Shape::Word(Rule::Version), "1.0.0", "If not given, the highest registered version."),
        Field::new(
            "input",
            Shape::Expressions,
            "{payment_id: input.payment_id}",
            "The input: an expression (CEL) for each key; if not given, the input of this task.",
        ),
    ],
    one_of: &[],
    apart: &[],
};

pub(super) static WAIT: Table = Table {
    name: "wait",
    about: "What a step waits for: a time or a signal.",
    fields: &[
        Field::new(
            "signal",
            Shape::Word(Rule::Name),
            "approved",
            "A signal of this name, sent before or during the wait.",
        ),
        Field::new("seconds", WAIT_SECONDS, "3600", "So many seconds, from when the step could begin."),
        Field::new(
            "until",
            Shape::Expression,
            "input.starts_at",
            "A point in time: an expression (CEL) that gives it as text of RFC 3339.",
        ),
        Field::new(
            "schema",
            Shape::Schema,
            "{type: object, required: [approved]}",
            "JSON Schema (2020-12) that the payload of the signal has to satisfy.",
        ),
        Field::new(
            "deadline_seconds",
            WAIT_SECONDS,
            "86400",
            "Seconds to wait for the signal at most; then the step fails with `wait_timed_out`, and its `on_exhaustion` counts.",
        ),
    ],
    one_of: &[&["signal", "seconds", "until"]],
    apart: &[
        ("seconds", "schema"),
        ("until", "schema"),
        ("seconds", "deadline_seconds"),
        ("until", "deadline_seconds"),
    ],
};

pub(super) static ENVIRONMENT: Table = Table {
    name: "environment",
    about: "What one environment changes.",
    fields: &[
        Field::new(
            "steps",
            Shape::ListOf(&OVERRIDE),
            "[{name: ALL, timeout_seconds: 5}]",
            "The steps that it changes; later entries win.",
        ),
        INERT[4],
    ],
    one_of: &[],
    apart: &[],
};

pub(super) static OVERRIDE: Table = Table {
    name: "step override",
    about: "The fields of a step that an environment sets; those not given stay as they are.",
    fields: &[
        Field::new(
            "name",
            Shape::Word(Rule::StepChoice),
            "ALL",
            "Name of a step, or ALL for every step and every compensation.",
        )
        .required(),
        Field::new("timeout_seconds", TIMEOUT, "5", "Seconds that one attempt may take."),
        Field::new("retry", Shape::Object(&RETRY), "{max_attempts: 1}", "The parts of the retry policy that change."),
        Field::new(
            "initialization",
            Shape::Configuration,
            "{unit: kg}",
            "Configuration of the handler, in place of the step's own.",
        )
        .or(&["handler_config"]),
        Field::new(
            "handler",
            Shape::Object(&HANDLER_OVERRIDE),
            "{initialization: {unit: kg}}",
            "Another way to write `initialization`.",
        ),
        Field::new(
            "wait",
            Shape::Object(&WAIT_OVERRIDE),
            "{deadline_seconds: 1}",
            "How long a step of type `wait` waits.",
        ),
    ],
    one_of: &[],
    apart: &[("initialization", "handler")],
};

pub(super) static WAIT_OVERRIDE: Table = Table {
    name: "wait override",
    about: "How long steps wait in an environment. Under ALL each counts for the steps that have it.",
    fields: &[
        Field::new("seconds", WAIT_SECONDS, "1", "In place of the step's `seconds`."),
        Field::new("deadline_seconds", WAIT_SECONDS, "1", "In place of the step's `deadline_seconds`."),
    ],
    one_of: &[],
    apart: &[],
};

pub(super) static HANDLER_OVERRIDE: Table = Table {
    name: "handler override",
    about: "What an environment changes about a handler.",
    fields: &[INITIALIZATION],
    one_of: &[],
    apart: &[],
};

pub(super) static LIFECYCLE: Table = Table {
    name: "lifecycle",
    about: "How long a task may take.",
    fields: &[Field::new(
        "max_duration_minutes",
        Shape::Number { bound: Bound::Above(0.0), most: YEAR_MINUTES },
        "60",
        "Minutes from submission after which a task that has not ended fails.",
    )],
    one_of: &[],
    apart: &[],
};

/// Fields that templates written for other engines carry. They say nothing about how steps run.
const INERT: [Field; 5] = [
    inert("metadata"),
    inert("system_dependency"),
    inert("system_dependencies"),
    inert("domain_events"),
    inert("task_handler"),
];

const fn inert(name: &'static str) -> Field {
    Field::new(name, Shape::Inert, "{}", "Accepted, and has no effect.")
}
