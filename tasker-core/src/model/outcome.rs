use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DomainEvent, Json, Next, StepId, TaskId, limits};

/// The right to report one attempt of one step. The attempt is the fence: once the step has another one, reports under
/// this lease are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Lease {
    pub task_id: TaskId,
    pub step_idx: u32,
    pub attempt: u32,
}

impl Lease {
    #[must_use]
    pub fn step_id(self) -> StepId {
        StepId::new(self.task_id, self.step_idx)
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The handler returned this result.
    Succeeded {
        result: Json,
        /// What a decision or a batchable step says about the steps after it; other steps say nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Next>,
        /// Events that the handler published; each has to be among the step's `publishes_events`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        events: Vec<DomainEvent>,
        /// What the handler says about this attempt besides the result: it is kept in the task's history, and no step sees it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "api", schema(value_type = Option<serde_json::Value>))]
        metadata: Option<Box<serde_json::Value>>,
    },
    /// The handler failed.
    Failed {
        error: StepError,
        /// Events that the handler published before it failed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        events: Vec<DomainEvent>,
    },
    /// The handler never began (the worker is draining); the step goes back to its queue and nothing is counted.
    Released,
    /// The handler began and its taker vanished without an answer; counted as a lost worker.
    Abandoned,
}

impl Outcome {
    /// The handler returned this result, and says nothing else.
    #[must_use]
    pub fn succeeded(result: Json) -> Self {
        Self::Succeeded { result, next: None, events: Vec::new(), metadata: None }
    }

    /// The handler failed, and says nothing else.
    #[must_use]
    pub fn failed(error: StepError) -> Self {
        Self::Failed { error, events: Vec::new() }
    }
}

/// What a failure means for the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Trying again may help; the step's retry policy decides.
    Retryable,
    /// Trying again cannot help.
    Permanent,
    /// The attempt ran longer than the step's timeout; retried like `retryable`.
    Timeout,
}

/// A failure, in one shape for every language. Its rare parts are boxed, so that a `Result` of it stays small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct StepError {
    pub kind: ErrorKind,
    /// A stable word to branch on, for example `payment_declined`.
    pub code: String,
    pub message: String,
    /// The language's own name of the error: an exception class, a Rust type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>))]
    pub error_type: Option<Box<str>>,
    /// Wait at least this long before the next attempt, whatever the backoff says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
    /// Anything the handler wants to keep with the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<serde_json::Value>))]
    pub context: Option<Box<serde_json::Value>>,
}

impl StepError {
    #[must_use]
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            error_type: None,
            retry_after_ms: None,
            backtrace: None,
            context: None,
        }
    }

    #[must_use]
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Permanent, code, message)
    }

    #[must_use]
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Retryable, code, message)
    }

    #[must_use]
    pub fn with_retry_after(mut self, span: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Keeps what is known about the failure with it.
    #[must_use]
    pub fn with_context(mut self, context: serde_json::Value) -> Self {
        self.context = Some(Box::new(context));
        self
    }

    /// The error of a task whose step `name` failed with this one.
    #[must_use]
    pub fn of_step(&self, name: &str) -> Self {
        let message = format!("step `{name}` failed: {}", self.message);
        Self { message, backtrace: None, ..self.clone() }
    }

    /// The same error with its texts within [`limits::ERROR_BYTES`], of which longer ones lose their middle, and its names within
    /// [`limits::CODE_BYTES`], of which longer ones lose their end.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.code.truncate(self.code.floor_char_boundary(limits::CODE_BYTES));
        self.error_type = self.error_type.map(|name| name[..name.floor_char_boundary(limits::CODE_BYTES)].into());
        cut_middle(&mut self.message, limits::ERROR_BYTES / 2);
        if let Some(backtrace) = &mut self.backtrace {
            cut_middle(backtrace, limits::ERROR_BYTES / 2);
        }
        self.context = self.context.map(bounded_extra);
        self
    }
}

/// Any other error is retryable; its sources are part of the message.
impl<E: std::error::Error> From<E> for StepError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        let mut failure = Self::retryable("handler_error", message);
        failure.error_type = Some(std::any::type_name::<E>().into());
        failure
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// What a handler adds to its outcome, if it is within [`limits::ERROR_BYTES`]; else how much it was.
#[must_use]
pub(crate) fn bounded_extra(extra: Box<serde_json::Value>) -> Box<serde_json::Value> {
    let size = extra.to_string().len();
    if size <= limits::ERROR_BYTES {
        return extra;
    }
    Box::new(serde_json::json!({"left_out": format!("{size} bytes are over the limit")}))
}

fn cut_middle(text: &mut String, bytes_max: usize) {
    const MARK: &str = "\n... (cut) ...\n";
    if text.len() <= bytes_max {
        return;
    }
    let keep = (bytes_max - MARK.len()) / 2;
    let head = text.floor_char_boundary(keep);
    let tail = text.ceil_char_boundary(text.len() - keep);
    *text = format!("{}{MARK}{}", &text[..head], &text[tail..]);
}

/// What became of one reported outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Recorded.
    Accepted,
    /// Refused: the step has another attempt, or none is running.
    StaleLease,
    /// Refused: the task was cancelled, or ended otherwise, meanwhile.
    TaskCancelled,
}
