use std::any::Any;

use tasker_core::view::ErrorView;

use crate::{coordinator, runtime};

/// Why something was refused or could not be done: the errors of a client, and of everything else here in the same shape.
pub use crate::client::Error;

/// An error that a binding finds by itself.
pub fn refused(code: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Error {
    ErrorView::new(code, message, remedy).into()
}

pub(super) fn closed() -> Error {
    refused("closed", "it has been closed", "make another one")
}

pub(super) fn forked(pid: u32) -> Error {
    let message = format!("it was made by process {pid} and cannot be used in process {}", std::process::id());
    refused("forked", message, "make it after the fork, in each child")
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("a fault in Tasker itself: {}", text.unwrap_or("a panic without a text"));
    refused("internal_panic", message, "please report it with what led to it")
}

impl From<coordinator::Error> for Error {
    fn from(error: coordinator::Error) -> Self {
        transient_if(error.is_transient(), error.code(), error.to_string())
    }
}

impl From<runtime::Error> for Error {
    fn from(error: runtime::Error) -> Self {
        transient_if(error.is_transient(), error.code(), error.to_string())
    }
}

/// What cannot be read back: a text that is no JSON, or one whose values the language cannot hold.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        refused("json_unreadable", format!("the JSON text: {error}"), "correct the text at that place")
    }
}

fn transient_if(is_transient: bool, code: &str, message: String) -> Error {
    let remedy = if is_transient { "try again after a moment" } else { "the message says what to mend" };
    ErrorView { is_transient, ..ErrorView::new(code, message, remedy) }.into()
}
