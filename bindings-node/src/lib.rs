//! The addon under `@tasker-systems/tasker`: what JavaScript calls of the host, as texts of JSON and promises.
//!
//! JavaScript calls in and Rust never calls out, except to say that there is work or a line of the log. An error crosses as
//! the JSON of its shape.

pub mod host;
mod settle;
pub mod worker;

use napi::bindgen_prelude::Result;
use napi_derive::napi;

/// The version of the addon, which is that of its package.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// An error of the host, as JavaScript gets it.
fn thrown(error: &tasker_worker::host::Error) -> napi::Error {
    // The shape has texts and plain values only, which always can be written.
    napi::Error::from_reason(serde_json::to_string(error.view()).unwrap_or_else(|_| error.to_string()))
}

fn or_throw<T>(ended: tasker_worker::host::Result<T>) -> Result<T> {
    ended.map_err(|error| thrown(&error))
}

/// What a JSON text says.
fn read<'de, T: serde::Deserialize<'de>>(what: &str, text: &'de str) -> tasker_worker::host::Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(what, &error))
}

fn unreadable(what: &str, error: &serde_json::Error) -> tasker_worker::host::Error {
    tasker_worker::host::refused("params_invalid", format!("{what}: {error}"), "the message says what to mend")
}
