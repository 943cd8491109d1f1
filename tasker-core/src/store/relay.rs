//! How far the log has been carried to others.

use uuid::Uuid;

use super::EventCursor;
use crate::model::Timestamp;

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
