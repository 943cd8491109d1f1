//! The documents that the outside sees: one form for REST, for clients in this process and over HTTP, for `tasker -o json`
//! and for every language.
//!
//! Field names are those that Tasker's users know; times are RFC 3339 texts, spans are milliseconds (`_ms`). A reader
//! passes over fields that it does not know, so that older clients read what newer servers write.

mod acted;
mod bulk;
mod diff;
mod event;
mod feed;
mod follow;
mod load;
mod page;
mod problem;
mod query;
mod stats;
mod step;
mod submitted;
mod task;
mod template;
mod tree;
mod why;
mod work;
mod worker;

pub use acted::{ActedItem, ActedView, BulkAction};
pub use bulk::{BulkSubmitted, SubmittedItem};
pub use diff::{Change, ChangeKind, TemplateDiff};
pub use event::EventView;
pub use feed::{Fed, Feed};
pub use follow::{EventPage, EventQuery, NextEvent};
pub use page::ErrorPage;
pub use problem::{ErrorView, FaultView, Problem};
pub use query::TaskQuery;
pub use stats::{QueueView, StatsView};
pub use step::{StepPhase, StepView};
pub use submitted::SubmittedView;
pub use task::{ParentView, TaskView};
pub use template::{RegisteredView, TemplateView};
pub use tree::TreeView;
pub use why::WhyView;
pub use work::{Alike, WorkView};
pub use worker::WorkerView;

pub use crate::model::Page;
