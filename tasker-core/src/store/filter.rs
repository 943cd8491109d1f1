use std::str::FromStr;

use crate::model::{TaskId, TaskState};

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
