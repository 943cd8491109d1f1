//! The graph of a template, and the rows of a new task. Pure.

mod definition;
mod end_work;
mod graph;
mod plan;
mod render;
mod rules;

pub use definition::{Definition, DefinitionError, SchemaFault, TemplateKey, part_name};
pub use end_work::EndWork;
pub use graph::{Graph, GraphError};
pub use plan::{NewTask, PlannedStep, Submission, plan};
pub use render::{layers, mermaid, text};
pub use rules::{BatchRules, Publication, Rules, TemplateName, WaitRules, WorkflowRules};
