//! Plain types that every layer shares: ids, time, JSON, tasks, steps, outcomes and events.

mod actor;
mod assignment;
mod clock;
mod event;
mod flow;
mod hint;
mod id;
mod json;
pub mod limits;
mod next;
mod outcome;
mod page;
mod report;
mod span;
mod step;
mod task;
mod time;
mod trace;

pub use actor::Actor;
pub use assignment::{AssignedHandler, Assignment, AttemptKind, ParentStep};
#[cfg(feature = "test-support")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock};
pub use event::{Event, EventBatch, Fact, OtherFact};
pub use flow::{BatchFlow, Ending, Parent, Signal, SkipReason, StepFlow, TaskFlow};
pub use hint::{Named, Woken};
pub use id::{StepId, StepPlace, TaskId, TemplateId, WorkerId};
pub use json::Json;
pub use next::{
    BatchConfig, BatchPart, BatchWork, Batches, Checkpoint, CursorRange, DomainEvent, FailureStrategy, Next,
};
pub(crate) use outcome::bounded_extra;
pub use outcome::{ErrorKind, Lease, Outcome, StepError, Verdict};
pub use page::Page;
pub use report::{Report, Reported};
pub use span::{SpanId, TraceId};
pub use step::{Step, StepState};
pub use task::{Task, TaskCounts, TaskState};
pub use time::Timestamp;
pub use trace::TraceContext;
