//! The Tasker worker: handlers in Rust, and the protocol between the runtime and handlers in any language.

pub mod handler;
pub mod protocol;

pub use handler::{HandlerRegistry, StepContext, StepHandler, StepResult};
pub use protocol::StepError;
