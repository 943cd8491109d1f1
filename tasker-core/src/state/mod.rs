//! What happens next, as a pure function: [`decide`] takes what is stored, what has happened and the time, and answers
//! with the rows to write. Nothing here reads a clock, a database or a random number.

mod changes;
mod decide;
mod flow;
mod input;
mod judge;
mod operate;
mod retry;
mod settle;
mod snapshot;
mod takeover;
mod transition;
mod verb;
mod why;
mod working;

pub use changes::{Changes, Claimed, NewPart, NewParts, NewStep, Route, StepChange, TaskChange};
pub use decide::{Decision, Definitions, decide};
pub use flow::{Values, Wanted};
pub use input::{Claim, Input, Look, Scope, scope};
pub use retry::delay;
pub use snapshot::{Snapshot, StepSnapshot, TaskSnapshot};
pub use transition::{StepCause, TaskCause, mermaid, step_transition, task_transition};
pub use verb::{Refusal, Takeover, Verb, Which};
pub use why::{Circumstances, Reason, StepWhy, Why, why};
