//! Graphs of steps: their order, what each waits for, and how they look.

mod graph;
mod render;

pub use graph::{Graph, GraphError};
pub use render::{mermaid, text};
