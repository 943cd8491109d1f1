//! What operators read: workers, counts, the log of all tasks, keys.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WorkerRecord;
use crate::{
    dag::TemplateKey,
    model::{Event, TaskId, TaskState, Timestamp},
};

/// A worker as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownWorker {
    pub record: WorkerRecord,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
    /// When it last took or reported a step, as of its last sign of life.
    pub worked_at: Option<Timestamp>,
}

/// How much there is of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tasks by state; a state without tasks is left out.
    pub tasks: BTreeMap<&'static str, u64>,
    /// Whether there are so many tasks that those which are complete were estimated, and others counted up to a limit only.
    pub is_estimated: bool,
    /// The deepest queues first.
    pub queues: Vec<QueueDepth>,
    /// Attempts under a lease.
    pub running: u64,
    /// Steps that wait for the time of their next attempt.
    pub delayed: u64,
}

/// The steps that stand in a queue for one handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    pub queue: String,
    pub handler: String,
    pub steps: u64,
    /// The oldest task among them.
    pub oldest: TaskId,
}

impl Counts {
    pub(super) fn add_tasks(&mut self, state: TaskState, tasks: i64) {
        self.tasks.insert(state.as_str(), u64::try_from(tasks).unwrap_or(0));
    }

    /// Takes all that are in no other state for complete.
    pub(super) fn estimate_complete(&mut self, total: i64) {
        let rest: u64 = self.tasks.values().sum();
        let complete = u64::try_from(total).unwrap_or(0).saturating_sub(rest);
        if complete > 0 {
            self.tasks.insert(TaskState::Complete.as_str(), complete);
        }
        self.is_estimated = true;
    }
}

/// A place in the log of all tasks: behind one event. Its text is what `Last-Event-ID` carries. The later place is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventCursor {
    pub position: i64,
    pub task_id: TaskId,
    pub seq: i64,
}

impl EventCursor {
    /// Before the first event.
    pub const START: Self = Self { position: 0, task_id: TaskId(Uuid::nil()), seq: 0 };

    /// Before whatever has this position.
    #[must_use]
    pub fn before(position: i64) -> Self {
        Self { position, ..Self::START }
    }

    /// Whether an event comes behind this place.
    pub(super) fn precedes(&self, position: i64, event: &Event) -> bool {
        (self.position, self.task_id, self.seq) < (position, event.task_id, event.seq)
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.position, self.task_id.0.simple(), self.seq)
    }
}

impl FromStr for EventCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (position, rest) = text.split_once('.')?;
            let (task_id, seq) = rest.split_once('.')?;
            Some(Self { position: position.parse().ok()?, task_id: task_id.parse().ok()?, seq: seq.parse().ok()? })
        };
        read().ok_or_else(|| format!("`{text}` is not a place in the log: pass the id of an event that was answered"))
    }
}

/// An event of any task, with the place behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    pub cursor: EventCursor,
    /// What its task runs; none if the task is gone.
    pub template: Option<TemplateKey>,
    pub event: Event,
}

/// A key as it is stored: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    pub id: Uuid,
    pub name: String,
    pub prefix: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// JSON, in the words of `orchestration::Permissions`.
    pub permissions: String,
    pub created_at: Timestamp,
    pub created_by: Option<String>,
    pub created_because: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
    pub revoked_because: Option<String>,
}

/// What the invariants do not allow, as a row of one of the doctor's statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    pub check: &'static str,
    pub task_id: TaskId,
    pub step: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_log_is_read_back_from_its_text() {
        let cursor = EventCursor { position: 1 << 40, task_id: TaskId::new(), seq: 12 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1.2", "1.x.3", "a.00000000000000000000000000000000.1"] {
            assert!(text.parse::<EventCursor>().is_err(), "{text}");
        }
    }
}
