//! How far the log has been carried to others.

use uuid::Uuid;

use super::EventCursor;
use crate::model::{Parent, TaskFlow, TaskId, Timestamp, TraceContext};

/// How far a relay has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayPlace {
    /// Behind the last event that arrived.
    pub cursor: EventCursor,
    /// JSON: what the receiver said of where it keeps that event.
    pub receipt: Option<String>,
}

/// A relay as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRelay {
    pub name: String,
    /// The process that carries now; none if nobody does.
    pub holder: Option<Uuid>,
    pub place: RelayPlace,
    pub moved_at: Option<Timestamp>,
    /// The time of the oldest event that has not arrived; none if all have.
    pub behind_since: Option<Timestamp>,
}

/// Where a task comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub task_id: TaskId,
    pub correlation_id: Option<String>,
    /// The step of another task that it runs for.
    pub parent: Option<Parent>,
    /// The trace that whoever submitted it belongs to.
    pub trace: Option<TraceContext>,
}

impl Origin {
    pub(super) fn new(task_id: TaskId, correlation_id: Option<String>, flow: Option<TaskFlow>) -> Self {
        let TaskFlow { parent, trace, .. } = flow.unwrap_or_default();
        Self { task_id, correlation_id, parent, trace }
    }
}
