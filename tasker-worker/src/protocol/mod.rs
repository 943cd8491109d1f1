//! What passes between the runtime and handlers in any language. Rust handlers are called through the same types.
//!
//! [`schema`] describes them for the other languages; it is checked in as `docs/reference/protocol.schema.json`, and
//! `tests/golden/` holds samples that every language's suite loads.

mod schema;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use schema::schema;
pub use tasker_core::model::{
    AssignedHandler, Assignment, AttemptKind, BatchConfig, BatchPart, BatchWork, Batches, Checkpoint, CursorRange,
    DomainEvent, Ending, ErrorKind, FailureStrategy, Json, Lease, Next, Outcome, ParentStep, Report, Reported,
    StepError, TaskId, Timestamp, TraceContext, Verdict,
};

/// What a poll gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "nearly every poll gives the large one")]
pub enum Polled {
    /// Run this attempt, and report its outcome.
    Run(Assignment),
    /// Stop the attempt under this lease; its outcome is no longer wanted.
    Cancel(Lease),
    /// The worker is drained: stop polling.
    End,
}
