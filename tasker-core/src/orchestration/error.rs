use thiserror::Error;
use uuid::Uuid;

use super::WebhookState;
use crate::{
    dag::{DefinitionError, SchemaFault},
    model::{StepState, TaskId, TaskState},
    store,
    template::Faults,
};

/// Why a verb was refused, or could not be carried out.
#[derive(Debug, Error)]
pub enum Error {
    /// No template of this name is registered. Register it, or correct the name.
    #[error("no template `{namespace}/{name}`{} is registered{}", version_text(version.as_deref()), nearest_text(nearest.as_deref()))]
    TemplateNotFound { namespace: String, name: String, version: Option<String>, nearest: Option<String> },
    /// The template has faults. Mend the places that are named.
    #[error(transparent)]
    TemplateInvalid(#[from] Faults),
    /// The version is registered with other content. Give the changed template a new version.
    #[error("`{namespace}/{name}` {version} is registered with other content, and a version never changes")]
    TemplateConflict { namespace: String, name: String, version: String },
    /// The input does not satisfy the template's `input_schema`. Mend the places that are named.
    #[error("the input does not satisfy the template's input_schema: {}", places(.0))]
    InputInvalid(Vec<SchemaFault>),
    /// A field of the request cannot be accepted. Mend the field that is named.
    #[error("{field}: {reason}")]
    FieldInvalid { field: &'static str, reason: String },
    /// There is no such task. Correct the id.
    #[error("there is no task {0}")]
    TaskNotFound(TaskId),
    /// The task has ended, so that this cannot be done to it any more.
    #[error("task {task_id} has ended as `{state}`")]
    TaskEnded { task_id: TaskId, state: TaskState },
    /// This cannot be done to a task in this state: one that is not paused cannot be resumed, one that has not ended cannot
    /// be run again. Look at it, and choose another verb.
    #[error("task {task_id} is `{state}`, which does not fit")]
    TaskUnfit { task_id: TaskId, state: TaskState },
    /// The task has no such step. Correct the name or the id.
    #[error("task {task_id} has no such step")]
    StepNotFound { task_id: TaskId },
    /// This cannot be done to a step in this state: only a failed or a delayed one can be retried, only one that is not done
    /// can be resolved.
    #[error("step `{step}` of task {task_id} is `{state}`, which does not fit")]
    StepUnfit { task_id: TaskId, step: String, state: StepState },
    /// The step waits for one that failed. Retry or resolve that one; this one then comes back by itself.
    #[error("step `{step}` of task {task_id} waits for `{by}`, which failed")]
    StepDoomed { task_id: TaskId, step: String, by: String },
    /// It is known how the task ends, and what it had done may be undone: only what it does before its end (compensations,
    /// `finally`) can be retried or resolved. Run it again as a new task, from the step that failed.
    #[error("task {0} is ending, or has ended: its own steps stay as they are")]
    TaskEnding(TaskId),
    /// The task ran for a step of another, which was told that it failed and does not wait for it any more. Retry that step, which
    /// starts a new task.
    #[error("task {task_id} ran for step `{step}` of task {parent}, which does not wait for it any more")]
    TaskNotAwaited { task_id: TaskId, parent: TaskId, step: String },
    /// No step of the task failed, so that none can be retried or resolved without being named.
    #[error("no step of task {0} failed")]
    NothingFailed(TaskId),
    /// There is no such API key, or it was ended before.
    #[error("there is no API key {0} that could be ended")]
    KeyNotFound(Uuid),
    /// There is no such webhook. Correct the id.
    #[error("there is no webhook {0}")]
    WebhookNotFound(Uuid),
    /// The webhook does not send. Let it go on first.
    #[error("webhook {id} is `{}`, and sends nothing", state.as_str())]
    WebhookInactive { id: Uuid, state: WebhookState },
    /// There is no such delivery of the webhook, or it is under way and sent again by itself.
    #[error("there is no delivery {0} that has ended")]
    DeliveryNotFound(Uuid),
    /// The result given by hand does not satisfy the step's `result_schema`. Mend the places that are named.
    #[error("the result does not satisfy the step's result_schema: {}", places(.0))]
    ResultInvalid(Vec<SchemaFault>),
    /// No step of the task waits for such a signal, or all of them have theirs. Correct the name.
    #[error("no step of task {task_id} waits for a signal `{name}`")]
    SignalUnknown { task_id: TaskId, name: String, known: Vec<String> },
    /// The payload does not satisfy the schema of the step that waits for it. Mend the places that are named.
    #[error("the payload does not satisfy the signal's schema: {}", places(.0))]
    SignalInvalid(Vec<SchemaFault>),
    /// The task did not end in the time that was given. It goes on; wait again or look at it.
    #[error("task {task_id} is still `{state}`")]
    NotEnded { task_id: TaskId, state: TaskState },
    /// A stored template cannot be run. It was written by something else: register it anew under another version.
    #[error("a stored template cannot be run: {0}")]
    Definition(#[from] DefinitionError),
    /// The store could not do it; see [`store::Error`].
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The engine is shutting down. Nothing was written.
    #[error("the engine is shutting down")]
    Closed,
}

impl Error {
    /// A stable word to branch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TemplateNotFound { .. } => "template_not_found",
            Self::TemplateInvalid(_) => "template_invalid",
            Self::TemplateConflict { .. } => "template_conflict",
            Self::InputInvalid(_) => "input_invalid",
            Self::FieldInvalid { .. } => "field_invalid",
            Self::TaskNotFound(_) => "task_not_found",
            Self::TaskEnded { .. } => "task_ended",
            Self::TaskUnfit { .. } => "task_unfit",
            Self::StepNotFound { .. } => "step_not_found",
            Self::StepUnfit { .. } => "step_unfit",
            Self::StepDoomed { .. } => "step_doomed",
            Self::TaskEnding(_) => "task_ending",
            Self::TaskNotAwaited { .. } => "task_not_awaited",
            Self::NothingFailed(_) => "nothing_failed",
            Self::ResultInvalid(_) => "result_invalid",
            Self::SignalUnknown { .. } => "signal_unknown",
            Self::SignalInvalid(_) => "signal_invalid",
            Self::KeyNotFound(_) => "key_not_found",
            Self::WebhookNotFound(_) => "webhook_not_found",
            Self::WebhookInactive { .. } => "webhook_inactive",
            Self::DeliveryNotFound(_) => "delivery_not_found",
            Self::NotEnded { .. } => "task_not_ended",
            Self::Definition(_) => "template_unusable",
            Self::Store(store::Error::Unavailable(_)) => "database_unavailable",
            Self::Store(store::Error::Schema(_)) => "schema_mismatch",
            Self::Store(store::Error::Newer(_)) => "schema_newer",
            Self::Store(store::Error::Url(_)) => "database_url_invalid",
            Self::Store(store::Error::Corrupt(_)) => "row_corrupt",
            Self::Store(store::Error::Refused(_)) => "statement_refused",
            Self::Closed => "shutting_down",
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::TemplateNotFound { nearest: Some(nearest), .. } => format!(
                "use `{}`, or register the template: `tasker template register FILE`",
                nearest.replacen(' ', "@", 1)
            ),
            Self::TemplateNotFound { .. } => {
                "register it with `tasker template register FILE`; `tasker template list` shows what is there"
                    .to_owned()
            }
            Self::TemplateInvalid(_) => "mend the places that are named; nothing was registered".to_owned(),
            Self::TemplateConflict { version, .. } => {
                format!("give the changed template a new `version:` ({} for example)", next_patch(version))
            }
            Self::InputInvalid(_) => {
                "mend the places that are named; `tasker template show` shows the input_schema".to_owned()
            }
            Self::FieldInvalid { field, .. } => format!("correct `{field}`"),
            Self::TaskNotFound(_) => "`tasker task list` shows the tasks of this store".to_owned(),
            Self::TaskEnded { task_id, .. } => format!("nothing is left to do: see `tasker task get {task_id}`"),
            Self::TaskUnfit { task_id, .. } => {
                format!("`tasker task why {task_id}` tells what it waits for, and what would move it")
            }
            Self::StepNotFound { task_id } => format!("`tasker task get {task_id}` shows its steps"),
            Self::StepUnfit { task_id, .. } => format!("`tasker task why {task_id}` tells what its steps wait for"),
            Self::StepDoomed { task_id, by, .. } => {
                format!("retry or resolve `{by}`: `tasker task retry {task_id} --step {by}`")
            }
            Self::TaskEnding(task_id) => {
                format!(
                    "`tasker task rerun {task_id}` runs it again; `tasker task resolve {task_id} --whole` closes it at once"
                )
            }
            Self::TaskNotAwaited { parent, step, .. } => {
                format!("`tasker task retry {parent} --step {step}` runs it again as a new task")
            }
            Self::NothingFailed(task_id) => format!("name a step: `tasker task get {task_id}` shows them"),
            Self::KeyNotFound(_) => "`tasker key list` shows the keys".to_owned(),
            Self::WebhookNotFound(_) => "`tasker webhook list` shows the webhooks".to_owned(),
            Self::WebhookInactive { id, .. } => format!("let it go on: `tasker webhook enable {id}`"),
            Self::DeliveryNotFound(_) => "`tasker webhook deliveries WEBHOOK` shows its deliveries".to_owned(),
            Self::ResultInvalid(_) => "mend the places that are named; nothing was recorded".to_owned(),
            Self::SignalUnknown { task_id, known, .. } if known.is_empty() => {
                format!("`tasker task get {task_id}` shows its steps; none of them waits for a signal")
            }
            Self::SignalUnknown { known, .. } => format!("send one that a step waits for: {}", known.join(", ")),
            Self::SignalInvalid(_) => "mend the places that are named; nothing was recorded".to_owned(),
            Self::NotEnded { task_id, .. } => {
                format!(
                    "it goes on: `tasker task watch {task_id}` follows it, `tasker task why {task_id}` tells what it waits for"
                )
            }
            Self::Definition(_) => "register the template anew under another version".to_owned(),
            Self::Closed => "try again".to_owned(),
            Self::Store(error) => error.remedy().to_owned(),
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

fn version_text(version: Option<&str>) -> String {
    version.map(|version| format!(" {version}")).unwrap_or_default()
}

fn nearest_text(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; the nearest is `{name}`")).unwrap_or_default()
}

fn places(faults: &[SchemaFault]) -> String {
    let places: Vec<_> = faults.iter().take(10).map(|fault| format!("{}: {}", fault.place(), fault.message)).collect();
    let more = faults.len().saturating_sub(places.len());
    if more > 0 { format!("{} (and {more} more)", places.join("; ")) } else { places.join("; ") }
}

fn next_patch(version: &str) -> String {
    let next = semver::Version::parse(version).map(|version| {
        version
            .patch
            .checked_add(1)
            .map_or(version.clone(), |patch| semver::Version::new(version.major, version.minor, patch))
    });
    next.map_or_else(|_| "1.0.1".to_owned(), |version| version.to_string())
}
