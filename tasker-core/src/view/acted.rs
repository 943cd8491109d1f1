use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ErrorView;
use crate::{
    model::{TaskId, TaskState},
    orchestration::{Acted, BulkItem},
};

/// What an operator's verb did to many tasks, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct ActedView {
    /// How many tasks were named, or pass the filter.
    pub matched: u64,
    /// How many it was, or would be, carried out on.
    pub done: usize,
    pub refused: usize,
    /// In the order of the selection.
    pub items: Vec<ActedItem>,
    /// Where a filter goes on; none if nothing is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What became, or would become, of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct ActedItem {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    /// The state afterwards; none for a task that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskState>,
    /// The new task of a `rerun`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
    pub rerun_uuid: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
}

impl From<Acted> for ActedView {
    fn from(Acted { matched, items, next }: Acted) -> Self {
        let items: Vec<_> = items.into_iter().map(ActedItem::from).collect();
        let refused = items.iter().filter(|item| item.error.is_some()).count();
        Self { matched, done: items.len() - refused, refused, items, next }
    }
}

impl From<BulkItem> for ActedItem {
    fn from(BulkItem { task_id: task_uuid, outcome }: BulkItem) -> Self {
        match outcome {
            Ok(done) => Self { task_uuid, status: Some(done.state), rerun_uuid: done.rerun, error: None },
            Err(error) => Self { task_uuid, status: None, rerun_uuid: None, error: Some(ErrorView::from(&error)) },
        }
    }
}
