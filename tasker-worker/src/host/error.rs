use std::any::Any;

use serde::Serialize;
use tasker_core::store;

use crate::{client, coordinator, runtime};

/// Why something was refused or could not be done, in the one shape that every language shows: a code to branch on, a text
/// to read, whether to try again, and often what to mend. Boxed, so that a `Result` of it stays small.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[error("{}", .0.message)]
#[serde(transparent)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Parts {
    code: String,
    message: String,
    is_transient: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// The places of the faults, where there are several; null otherwise.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    details: serde_json::Value,
}

impl Error {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self(Box::new(Parts { code, message, is_transient: false, remedy: None, details: serde_json::Value::Null }))
    }

    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    #[must_use]
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.0.details = details;
        self
    }

    /// A stable word to branch on, for example `template_not_found`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.is_transient
    }

    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// The single faults as a JSON list; null where the message says it all.
    #[must_use]
    pub fn details(&self) -> &serde_json::Value {
        &self.0.details
    }

    pub(super) fn closed() -> Self {
        Self::new("closed", "it has been closed").with_remedy("make another one")
    }

    pub(super) fn forked(pid: u32) -> Self {
        let message = format!("it was made by process {pid} and cannot be used in process {}", std::process::id());
        Self::new("forked", message).with_remedy("make it after the fork, in each child")
    }

    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = format!("a fault in Tasker itself: {}", text.unwrap_or("a panic without a text"));
        Self::new("internal_panic", message).with_remedy("please report it with what led to it")
    }

    fn transient_if(mut self, is_transient: bool) -> Self {
        self.0.is_transient = is_transient;
        self
    }
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        Self::new(error.code(), error.to_string()).transient_if(error.is_transient())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        client::Error::from(error).into()
    }
}

impl From<coordinator::Error> for Error {
    fn from(error: coordinator::Error) -> Self {
        Self::new(error.code(), error.to_string()).transient_if(error.is_transient())
    }
}

impl From<runtime::Error> for Error {
    fn from(error: runtime::Error) -> Self {
        Self::new(error.code(), error.to_string()).transient_if(error.is_transient())
    }
}
