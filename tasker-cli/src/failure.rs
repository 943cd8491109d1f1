//! What every command fails with, and the codes that the process ends with.

use std::process::ExitCode;

use serde::Serialize;
use tasker_core::{
    events::{NatsError, SpansError},
    model::{StepError, TaskState},
    orchestration, store,
    view::{ErrorView, FaultView},
};
use tasker_worker::{
    client::{self, TaskView},
    worker,
};

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<FaultView>,
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
            faults: Vec::new(),
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
    pub(crate) fn of_end(task: &TaskView) -> Option<Box<Self>> {
        let exit = Exit::of(task.status);
        if exit == Exit::Complete {
            return None;
        }
        let message = format!("task {} ended as `{}`", task.task_uuid, task.status);
        let remedy = format!("`tasker task get {}` shows every step with its attempts and errors", task.task_uuid);
        let failure = Self::new(format!("task_{}", task.status), message, remedy).with_exit(exit);
        Some(match &task.error {
            Some(StepError { code, message, .. }) => failure.with_cause(format!("{code}: {message}")),
            None => failure,
        })
    }
}

impl From<client::Error> for Box<Failure> {
    fn from(error: client::Error) -> Self {
        error.view().clone().into()
    }
}

impl From<ErrorView> for Box<Failure> {
    fn from(ErrorView { code, message, remedy, faults, .. }: ErrorView) -> Self {
        let mut failure = Failure::new(code, message, remedy);
        if failure.code == "task_not_ended" {
            failure.exit = Exit::TimedOut;
        }
        if failure.code == "template_invalid" {
            // The message has a line for each fault.
            failure.cause = Some(std::mem::take(&mut failure.message));
            failure.message = format!("the template has {} fault{}", faults.len(), plural(faults.len()));
        }
        failure.faults = faults;
        failure
    }
}

impl From<orchestration::Error> for Box<Failure> {
    fn from(error: orchestration::Error) -> Self {
        ErrorView::from(&error).into()
    }
}

impl From<NatsError> for Box<Failure> {
    fn from(error: NatsError) -> Self {
        Failure::new(error.code(), error.to_string(), error.remedy())
    }
}

impl From<SpansError> for Box<Failure> {
    fn from(error: SpansError) -> Self {
        Failure::new(error.code(), error.to_string(), error.remedy())
    }
}

impl From<store::Error> for Box<Failure> {
    fn from(error: store::Error) -> Self {
        orchestration::Error::from(error).into()
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
