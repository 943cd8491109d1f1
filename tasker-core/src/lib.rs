//! The Tasker engine: YAML templates become task graphs, and task graphs run to their end.
//!
//! The layers, each of which may use only those above it in this list:
//! [`model`] (plain types), [`template`] (YAML to a checked template), [`dag`] (graphs and the rows of a new task),
//! [`state`] (what happens next, as a pure function), [`store`] (the database seam), [`orchestration`] (the verbs of the
//! product), [`view`] (the documents that the outside sees) and `api` (the server, feature "api"). ARCHITECTURE.md has the
//! map and the invariants.

#[cfg(feature = "api")]
#[expect(unused_qualifications, reason = "utoipa's macros write paths in full")]
pub mod api;
pub mod dag;
pub mod events;
pub mod model;
pub mod orchestration;
pub mod state;
pub mod store;
pub mod template;
pub mod view;
