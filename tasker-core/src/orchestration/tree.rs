use std::collections::HashMap;

use super::{Engine, Error, Result};
use crate::model::{Step, Task, TaskId, limits};

/// A task and all that run for its steps.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Parents before children. The steps of a task are there as a whole or not at all.
    pub tasks: Vec<(Task, Option<Vec<Step>>)>,
    /// Something was left out.
    pub is_cut: bool,
}

impl Engine {
    /// A task and all that run for its steps, theirs too: parents before children, with their steps, without inputs and
    /// results. Each attempt of a step has a task of its own. Over [`limits::TREE`], what stands lowest is left out.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`], [`Error::Store`].
    pub async fn tree(&self, task_id: TaskId) -> Result<Tree> {
        let (tasks_max, steps_max) = limits::TREE;
        // One more than is answered tells that there are more.
        let mut tasks = self.store.tree(task_id, tasks_max + 1).await?;
        if tasks.is_empty() {
            return Err(Error::TaskNotFound(task_id));
        }
        let mut is_cut = tasks.len() > tasks_max as usize;
        tasks.truncate(tasks_max as usize);
        let ids: Vec<_> = tasks.iter().map(|task| task.task_id).collect();
        let steps = self.store.tree_steps(&ids, steps_max + 1).await?;
        let whole = if steps.len() > steps_max as usize {
            is_cut = true;
            let last = steps.last().map(|step| step.id.task_id);
            ids.iter().position(|id| Some(*id) == last).unwrap_or(0)
        } else {
            ids.len()
        };
        let mut of_task: HashMap<TaskId, Vec<Step>> = HashMap::new();
        for step in steps {
            of_task.entry(step.id.task_id).or_default().push(step);
        }
        let with_steps = |(place, task): (usize, Task)| {
            let steps = (place < whole).then(|| of_task.remove(&task.task_id).unwrap_or_default());
            (task, steps)
        };
        Ok(Tree { tasks: tasks.into_iter().enumerate().map(with_steps).collect(), is_cut })
    }
}
