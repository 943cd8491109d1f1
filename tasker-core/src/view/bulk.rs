use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ErrorView, SubmittedView};
use crate::{model::TaskId, orchestration};

/// What became of many submissions; a request that was refused did not keep the others out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct BulkSubmitted {
    /// One for each request, in order.
    pub items: Vec<SubmittedItem>,
    /// Requests that have a task now.
    pub submitted: usize,
    pub refused: usize,
}

/// What became of one of many submissions: a task, or an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct SubmittedItem {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = Uuid))]
    pub task_uuid: Option<TaskId>,
    #[serde(default)]
    pub is_new: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
}

impl BulkSubmitted {
    #[must_use]
    pub fn new(answers: Vec<orchestration::Result<orchestration::Submitted>>) -> Self {
        let items: Vec<_> = answers.into_iter().map(SubmittedItem::new).collect();
        let refused = items.iter().filter(|item| item.error.is_some()).count();
        Self { submitted: items.len() - refused, refused, items }
    }
}

impl SubmittedItem {
    fn new(answer: orchestration::Result<orchestration::Submitted>) -> Self {
        match answer {
            Ok(submitted) => Self { task_uuid: Some(submitted.task_id), is_new: submitted.is_new, error: None },
            Err(error) => Self { task_uuid: None, is_new: false, error: Some(ErrorView::from(&error)) },
        }
    }

    /// The task, or why there is none.
    ///
    /// # Errors
    /// What the request was refused with.
    pub fn into_result(self) -> Result<SubmittedView, ErrorView> {
        match (self.task_uuid, self.error) {
            (Some(task_uuid), None) => Ok(SubmittedView { task_uuid, is_new: self.is_new }),
            (_, Some(error)) => Err(error),
            (None, None) => Err(ErrorView::unreadable("an item names neither a task nor an error")),
        }
    }
}
