//! What every command fails with, and the codes that the process ends with.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;
use tasker_core::{
    model::{StepError, Task, TaskState},
    orchestration, store,
};
use tasker_worker::{client, worker};

/// How the process ends. Scripts branch on these, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Complete = 0,
    Error = 1,
    Usage = 2,
    Cancelled = 3,
    TimedOut = 4,
    /// Ctrl-C, in the way of shells.
    Interrupted = 130,
}

impl Exit {
    /// What the end of a task means for a command that waited for it.
    pub(crate) fn of(state: TaskState) -> Self {
        match state {
            TaskState::Cancelled => Self::Cancelled,
            TaskState::Error => Self::Error,
            _ => Self::Complete,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked for, in the shape in which people and programs are told.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    /// A stable word to branch on.
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    /// What to do next.
    pub(crate) remedy: String,
    /// The places that are wrong, each with its position, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) faults: Option<Value>,
    #[serde(skip)]
    pub(crate) exit: Exit,
}

pub(crate) type Result<T, E = Box<Failure>> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            code: code.into(),
            message: message.into(),
            cause: None,
            remedy: remedy.into(),
            faults: None,
            exit: Exit::Error,
        })
    }

    /// The command line itself is wrong.
    pub(crate) fn usage(message: impl Into<String>, remedy: impl Into<String>) -> Box<Self> {
        Self::new("usage", message, remedy).with_exit(Exit::Usage)
    }

    pub(crate) fn with_cause(mut self: Box<Self>, cause: impl ToString) -> Box<Self> {
        self.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn with_exit(mut self: Box<Self>, exit: Exit) -> Box<Self> {
        self.exit = exit;
        self
    }

    /// A task that ended otherwise than `complete`; none for one that did.
    pub(crate) fn of_end(task: &Task) -> Option<Box<Self>> {
        let exit = Exit::of(task.state);
        if exit == Exit::Complete {
            return None;
        }
        let message = format!("task {} ended as `{}`", task.task_id, task.state);
        let remedy = format!("`tasker task get {}` shows every step with its attempts and errors", task.task_id);
        let failure = Self::new(format!("task_{}", task.state), message, remedy).with_exit(exit);
        Some(match &task.error {
            Some(StepError { code, message, .. }) => failure.with_cause(format!("{code}: {message}")),
            None => failure,
        })
    }
}

impl From<orchestration::Error> for Box<Failure> {
    fn from(error: orchestration::Error) -> Self {
        use orchestration::Error;
        let failure = Failure::new(error.code(), error.to_string(), error.remedy());
        match error {
            Error::NotEnded { .. } => failure.with_exit(Exit::TimedOut),
            Error::TemplateInvalid(faults) => {
                let count = faults.faults.len();
                let mut failure = failure;
                failure.message = format!("{} has {count} fault{}", faults.source_name, plural(count));
                failure.faults = Some(serde_json::json!(faults.faults));
                failure.cause = Some(faults.to_string());
                failure
            }
            Error::InputInvalid(faults) => Box::new(Failure { faults: Some(serde_json::json!(faults)), ..*failure }),
            _ => failure,
        }
    }
}

impl From<store::Error> for Box<Failure> {
    fn from(error: store::Error) -> Self {
        orchestration::Error::from(error).into()
    }
}

impl From<client::Error> for Box<Failure> {
    fn from(error: client::Error) -> Self {
        let mut failure = Failure::new(error.code(), error.message(), error.remedy());
        failure.faults =
            Some(error.details()).filter(|faults| !faults.is_empty()).map(|faults| serde_json::json!(faults));
        failure
    }
}

impl From<worker::Error> for Box<Failure> {
    fn from(error: worker::Error) -> Self {
        let remedy = if error.is_transient() {
            "check that the database answers, then try again"
        } else {
            "mend what the cause names, then start it again"
        };
        Failure::new(error.code(), "the worker does not start", remedy).with_cause(error)
    }
}

pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
