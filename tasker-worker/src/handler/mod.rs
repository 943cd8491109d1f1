//! Handlers in Rust: the code that runs a step.
//!
//! An async function or closure over a [`StepContext`] is a handler; what needs a struct of its own implements
//! [`StepHandler`]. A [`HandlerRegistry`] gives each the name that templates call it by.
//!
//! ```
//! use tasker_worker::{HandlerRegistry, StepContext, StepError};
//!
//! async fn total(context: StepContext) -> Result<u64, StepError> {
//!     let prices: Vec<u64> = context.input("prices_cents")?;
//!     Ok(prices.iter().sum())
//! }
//!
//! let registry = HandlerRegistry::new().with("total", total).with("receipt", |context: StepContext| async move {
//!     let total: u64 = context.dependency_as("total")?;
//!     Ok(format!("paid: {total} cents"))
//! });
//! assert!(registry.resolve("receipt").is_some());
//! ```

mod checkpoint;
mod context;
mod decision;
mod fields;
mod function;
mod registry;
mod result;
mod run;

use async_trait::async_trait;
use tasker_core::model::StepError;

pub(crate) use checkpoint::{Checkpoints, store as store_checkpoint};
pub use context::StepContext;
pub use decision::{BatchPlan, Decision};
pub use registry::{Error, HandlerRegistry};
pub use result::StepResult;
pub(crate) use run::checked;
pub use run::run;

/// The code of one kind of step.
///
/// An attempt may run more than once (after a lost worker, a timeout or a retry), so the effects of a handler should
/// be safe to repeat; the recorded result is written once.
#[async_trait]
pub trait StepHandler: Send + Sync + 'static {
    /// Runs one attempt.
    ///
    /// # Errors
    /// What the step fails with: [`StepError::permanent`] ends the step, [`StepError::retryable`] lets its retry
    /// policy decide. Any other error that `?` meets becomes a retryable one.
    async fn call(&self, context: &StepContext) -> Result<StepResult, StepError>;
}
