use std::time::Duration;

use super::{Engine, Result};
use crate::model::{TaskId, Timestamp};

impl Engine {
    /// Tasks that ended longer ago than `age` and may be removed, the oldest first: at most `limit` of those behind `after`
    /// ([`TaskId`] of nil for all). Left alone are those of which a receiver has not got all events, and those whose parent is
    /// still under way.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn retired(&self, age: Duration, after: TaskId, limit: u32) -> Result<Vec<TaskId>> {
        Ok(self.store.retired(self.ago(age).await?, after, limit).await?)
    }

    /// Removes those of these tasks that ended longer ago than `age`, with their steps and events; says which.
    ///
    /// # Errors
    /// [`super::Error::Store`]; all of them are there, or none.
    pub async fn remove(&self, tasks: &[TaskId], age: Duration) -> Result<Vec<TaskId>> {
        let gone = self.store.remove_tasks(tasks, self.ago(age).await?).await?;
        gone.iter().for_each(|task_id| self.recall.forget(*task_id));
        Ok(gone)
    }

    async fn ago(&self, age: Duration) -> Result<Timestamp> {
        let now = self.store.now().await?;
        Ok(Timestamp::from_micros(now.as_micros() - i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
    }
}
