//! YAML templates: text to a checked [`Template`].
//!
//! [`parse`] reads YAML into a tree with positions (`load`, `document`), checks each mapping against the table of its
//! fields (`fields`, `shape`, `reader`), brings both dialects into one form (`parse`) and checks the steps against one
//! another (`dependencies`, `cycles`). The JSON Schema for editors ([`json_schema`]) is made of the same tables.

mod cycles;
mod definition;
mod dependencies;
mod document;
mod embedded;
mod emit;
mod environment;
mod expression;
mod fault;
mod fields;
mod flow;
mod load;
mod nearest;
mod parse;
mod reader;
mod scalar;
mod schema;
mod shape;
mod syntax;
mod yaml;

pub use definition::{
    Backoff, Compensation, Handler, Lifecycle, OnExhaustion, PublishCondition, PublishedEvent, Retry, StepKind,
    StepTemplate, SubWorkflow, Template, Wait,
};
pub use environment::{Environment, RetryOverride, StepOverride, WaitOverride};
pub use expression::{Expression, Scope};
pub use fault::{Fault, FaultCode, Faults};
pub(crate) use nearest::nearest;
pub use parse::parse;
pub use schema::json_schema;
pub use yaml::to_yaml;
