//! What every command fails with, and the codes that the process ends with.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;
use tasker_core::{
    model::{StepError, Task, TaskState},
    orchestration, store,
};
use tasker_worker::worker;

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
        let failure = Failure::new(error.code(), error.to_string(), remedy(&error));
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

fn remedy(error: &orchestration::Error) -> String {
    use orchestration::Error;
    match error {
        Error::TemplateNotFound { nearest: Some(nearest), .. } => {
            format!(
                "use `{}`, or register the template: `tasker template register FILE`",
                nearest.replacen(' ', "@", 1)
            )
        }
        Error::TemplateNotFound { .. } => {
            "register it with `tasker template register FILE`; `tasker template list` shows what is there".to_owned()
        }
        Error::TemplateInvalid(_) => "mend the places that are named; nothing was registered".to_owned(),
        Error::TemplateConflict { version, .. } => {
            format!("give the changed template a new `version:` ({} for example)", next_patch(version))
        }
        Error::InputInvalid(_) => {
            "mend the places that are named; `tasker template show` shows the input_schema".to_owned()
        }
        Error::FieldInvalid { field, .. } => format!("correct `{field}`"),
        Error::TaskNotFound(_) => "`tasker task list` shows the tasks of this store".to_owned(),
        Error::TaskEnded { task_id, .. } => format!("nothing is left to do: see `tasker task get {task_id}`"),
        Error::NotEnded { task_id, .. } => format!("it goes on: `tasker task watch {task_id}` follows it"),
        Error::Definition(_) => "register the template anew under another version".to_owned(),
        Error::Closed => "try again".to_owned(),
        Error::Store(store::Error::Unavailable(_)) => {
            "check that the database runs and that --store (or DATABASE_URL) is right, then try again".to_owned()
        }
        Error::Store(store::Error::Schema(_)) => "run `tasker migrate` with the same --store".to_owned(),
        Error::Store(store::Error::Url(_)) => {
            "write --store postgres://user@host/database, sqlite:FILE or sqlite::memory:".to_owned()
        }
        Error::Store(store::Error::Corrupt(_)) => {
            "restore the row that is named from a backup, or remove it".to_owned()
        }
        Error::Store(store::Error::Refused(_)) => {
            "this is a fault in Tasker: please report it with the message".to_owned()
        }
    }
}

fn next_patch(version: &str) -> String {
    let numbers = version.split(['-', '+']).next().unwrap_or(version);
    match numbers.rsplit_once('.') {
        Some((front, patch)) => match patch.parse::<u64>() {
            Ok(patch) => format!("{front}.{}", patch + 1),
            Err(_) => "1.0.1".to_owned(),
        },
        None => "1.0.1".to_owned(),
    }
}
