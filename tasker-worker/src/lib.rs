//! The Tasker worker: handlers in Rust, and the protocol between the runtime and handlers in any language.

pub mod client;
pub mod coordinator;
pub mod handler;
mod here;
pub mod host;
pub mod protocol;
pub mod runtime;
pub mod worker;

pub use client::Client;
pub use handler::{BatchPlan, Decision, HandlerRegistry, StepContext, StepHandler, StepResult};
pub use protocol::StepError;
pub use worker::Worker;
