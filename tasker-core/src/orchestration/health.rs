use super::{Engine, Result};
use crate::store::{self, Pool};

impl Engine {
    /// Whether the engine can do its work: the database answers, and has the migrations of this version. Those of a newer one do
    /// not hinder an engine that runs: they take nothing away from the version before.
    ///
    /// # Errors
    /// [`super::Error::Store`], which says what is missing.
    pub async fn check_ready(&self) -> Result<()> {
        let migrations = match self.store.migrations().await {
            Err(store::Error::Newer(_)) => return Ok(()),
            migrations => migrations?,
        };
        match migrations.iter().filter(|migration| !migration.is_applied).count() {
            0 => Ok(()),
            missing => {
                Err(store::Error::Schema(format!("it lacks {missing} of the migrations of this version")).into())
            }
        }
    }

    /// The connections to the database that this process has now.
    #[must_use]
    pub fn pools(&self) -> Vec<Pool> {
        self.store.pools()
    }
}
