use std::{ops::Range, str::FromStr, time::Duration};

use uuid::Uuid;

use crate::model::{Page, Task, TaskId, TaskState, Timestamp};

/// Which tasks to list; what is not given does not filter.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    pub namespace: Option<String>,
    /// Name of the template.
    pub name: Option<String>,
    pub version: Option<String>,
    pub states: Vec<TaskState>,
    /// One of the task's tags.
    pub tag: Option<String>,
    pub correlation_id: Option<String>,
    pub parent_correlation_id: Option<String>,
    pub initiator: Option<String>,
    pub source_system: Option<String>,
    pub priority: Option<i16>,
    /// By the database's clock; a machine that submits may have a clock that is five minutes off, not more.
    pub created: TimeRange,
    pub updated: TimeRange,
    pub completed: TimeRange,
    /// Continue behind this task.
    pub after: Option<TaskCursor>,
    /// How many tasks one page looks through at most; [`SEARCH`](crate::model::limits::SEARCH) if not given.
    pub window: Option<u32>,
}

/// From a time, and before another; open where none is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Option<Timestamp>,
    pub before: Option<Timestamp>,
}

/// How far the clock of a machine that submits may be from the database's: ids hold the one, `created_at` the other.
const SKEW: Duration = Duration::from_secs(300);

impl TaskFilter {
    /// The ids among which the tasks of these times are, so that a search need not begin with the newest task. A task is
    /// neither changed nor ended before it is made.
    pub(super) fn ids(&self) -> Range<Uuid> {
        let before = [self.created.before, self.updated.before, self.completed.before].into_iter().flatten().min();
        let after = self.after.map(|cursor| cursor.0.0);
        let end = before.map(|before| first_id(before + SKEW)).into_iter().chain(after).min();
        let start = self.created.from.map(|from| first_id(Timestamp::from_micros(from.as_micros() - skew_micros())));
        start.unwrap_or(Uuid::nil())..end.unwrap_or(Uuid::max())
    }
}

fn skew_micros() -> i64 {
    i64::try_from(SKEW.as_micros()).unwrap_or(i64::MAX)
}

/// Above the ids of all tasks that were submitted before a time.
pub(super) fn first_id_after(at: Timestamp) -> Uuid {
    first_id(at + SKEW)
}

/// The least id of this millisecond.
fn first_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0) & 0xffff_ffff_ffff;
    Uuid::from_u128(u128::from(millis) << 80)
}

/// A place in a list of tasks, newest first: the last task of the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskCursor(pub TaskId);

impl FromStr for TaskCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is not a cursor: pass the `next` of the page before"))
    }
}

impl TaskCursor {
    /// The page that the first `limit` of these make up; one more than that tells that there is another page, and so does a
    /// task down to which was looked.
    pub(super) fn page<T>(
        mut items: Vec<T>,
        limit: u32,
        looked_to: Option<Uuid>,
        id: impl Fn(&T) -> TaskId,
    ) -> Page<T> {
        let limit = limit as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| has_more).map(|item| id(item).to_string());
        Page { items, next: last.or_else(|| looked_to.map(|task_id| task_id.to_string())) }
    }
}

impl From<&Task> for TaskCursor {
    fn from(task: &Task) -> Self {
        Self(task.task_id)
    }
}
