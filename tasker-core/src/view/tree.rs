use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TaskView;
use crate::{
    model::TaskId,
    orchestration::{Engine, Result},
};

/// A task and all that run for its steps, theirs too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct TreeView {
    /// The task that was asked for: the first of `tasks`.
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub task_uuid: TaskId,
    /// Parents before children, with their steps, without inputs and results: these are with each task. The `parent` of
    /// each says which step it runs for; each attempt of a step has a task of its own, and the step's `child_uuid` is the
    /// last.
    pub tasks: Vec<TaskView>,
    /// The tree is larger than one answer: what stands lowest was left out, or its steps. Ask for the tree of a task in it.
    #[serde(default)]
    pub is_cut: bool,
}

impl TreeView {
    /// # Errors
    /// As [`Engine::tree`].
    pub async fn load(engine: &Engine, task_id: TaskId) -> Result<Self> {
        let tree = engine.tree(task_id).await?;
        let mut tasks = Vec::with_capacity(tree.tasks.len());
        for (task, steps) in tree.tasks {
            tasks.push(match steps {
                Some(steps) => {
                    let definition = engine.definition_of(&task).await?;
                    let parts = engine.count_parts(task.task_id, &definition).await?;
                    TaskView::full(task, steps, &parts, &definition)
                }
                None => TaskView::brief(task),
            });
        }
        Ok(Self { task_uuid: task_id, tasks, is_cut: tree.is_cut })
    }
}
