use std::str::FromStr;

use crate::model::{Page, Task, TaskId, TaskState};

/// Which tasks to list; what is not given does not filter.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub version: Option<String>,
    pub states: Vec<TaskState>,
    /// Continue behind this task.
    pub after: Option<TaskCursor>,
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
    /// The page that the first `limit` of these tasks make up; one more than that tells that there is another page.
    pub(super) fn page(mut tasks: Vec<Task>, limit: u32) -> Page<Task> {
        let limit = limit as usize;
        let has_more = tasks.len() > limit;
        tasks.truncate(limit);
        let next = tasks.last().filter(|_| has_more).map(|task| task.task_id.to_string());
        Page { items: tasks, next }
    }
}
