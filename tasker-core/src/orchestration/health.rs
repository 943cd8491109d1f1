use super::{Engine, Result};
use crate::store::{self, Pool};

impl Engine {
    /// Whether the engine can do its work: the database answers, and has exactly the migrations of this version.
    ///
    /// # Errors
    /// [`super::Error::Store`], which says what is missing.
    pub async fn check_ready(&self) -> Result<()> {
        let migrations = self.store.migrations().await?;
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
