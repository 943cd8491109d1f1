use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{model::TaskId, orchestration::Submitted};

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct SubmittedView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    /// False if the idempotency key belongs to an earlier task, which is the one named here.
    pub is_new: bool,
}

impl From<Submitted> for SubmittedView {
    fn from(submitted: Submitted) -> Self {
        Self { task_uuid: submitted.task_id, is_new: submitted.is_new }
    }
}
