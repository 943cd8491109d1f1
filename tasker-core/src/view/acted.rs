use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ErrorView, TaskQuery};
use crate::{
    model::{Actor, TaskId, TaskState, limits},
    orchestration::{Acted, Action, Bulk, BulkItem, Engine, Error, Result, Selection},
};

/// Something to do to many tasks: those with these ids, or those that pass the filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkAction {
    pub action: Action,
    /// At most 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<Vec<uuid::Uuid>>, max_items = 1000))]
    pub ids: Option<Vec<TaskId>>,
    /// In place of ids. Its `limit` is how many tasks to take at once; the answer tells how to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<TaskQuery>,
    /// Who wants it; kept in the tasks' histories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why; kept in the tasks' histories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only tell what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

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

impl BulkAction {
    /// Something to do to one task.
    #[must_use]
    pub fn of_task(task_id: TaskId, action: Action, actor: Actor) -> Self {
        Self { ids: Some(vec![task_id]), ..Self::new(action, actor) }
    }

    /// Something to do, and as yet to nothing.
    #[must_use]
    pub fn new(action: Action, Actor { by, reason }: Actor) -> Self {
        Self { action, ids: None, filter: None, by, reason, dry_run: false }
    }

    fn bulk(self) -> Result<Bulk> {
        let (selection, limit) = match (self.ids, &self.filter) {
            (Some(ids), None) => (Selection::Ids(ids), limits::PAGE),
            (None, Some(query)) => (Selection::Filter(Box::new(query.filter()?)), query.limit()?),
            _ => {
                let reason = "name the tasks either by `ids` or by a `filter`".to_owned();
                return Err(Error::FieldInvalid { field: "ids", reason });
            }
        };
        let actor = Actor { by: self.by, reason: self.reason };
        Ok(Bulk { selection, action: self.action, actor, dry_run: self.dry_run, limit })
    }
}

impl ActedView {
    /// Does the same to many tasks. Each has its own outcome: one that is refused does not keep the others back.
    ///
    /// # Errors
    /// As [`Engine::act`]; [`Error::FieldInvalid`] unless there are either ids or a filter.
    pub async fn act(engine: &Engine, request: BulkAction) -> Result<Self> {
        Ok(engine.act(&request.bulk()?).await?.into())
    }
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
