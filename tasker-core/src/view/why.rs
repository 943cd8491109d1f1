use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::TaskId,
    orchestration::{Engine, Result},
    state::Why,
};

/// Why a task and each of its open steps stand where they stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct WhyView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    #[serde(flatten)]
    pub why: Why,
}

impl WhyView {
    /// # Errors
    /// As [`Engine::why`].
    pub async fn load(engine: &Engine, task_id: TaskId) -> Result<Self> {
        Ok(Self { task_uuid: task_id, why: engine.why(task_id).await? })
    }
}
