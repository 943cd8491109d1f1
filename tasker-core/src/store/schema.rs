use sqlx::{
    SqlSafeStr,
    migrate::{MigrateError, MigrationType, Migrator},
};

use super::{Error, Migration, Result};

/// The schema's history on one database: version, name and text of each migration, and the table that records them.
pub(super) struct Schema {
    pub(super) migrations: &'static [(i64, &'static str, &'static str)],
    pub(super) table: &'static str,
}

impl Schema {
    pub(super) fn migrator(&self) -> Migrator {
        let migrations = self.migrations.iter().map(|(version, name, sql)| {
            sqlx::migrate::Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        let mut migrator = Migrator::with_migrations(migrations.collect());
        migrator.dangerous_set_table_name(self.table);
        migrator
    }

    /// Every migration, with those in `applied` marked.
    ///
    /// # Errors
    /// [`Error::Newer`] if the database has one that this version of Tasker does not know.
    pub(super) fn status(&self, applied: &[i64]) -> Result<Vec<Migration>> {
        let is_known = |version: &i64| self.migrations.iter().any(|(known, ..)| known == version);
        if let Some(newer) = applied.iter().find(|version| !is_known(version)) {
            return Err(Error::Newer(format!("it has migration {newer}, which this version does not know")));
        }
        let migrations = self.migrations.iter();
        let migrations = migrations
            .map(|(version, name, sql)| Migration {
                version: *version,
                name: (*name).to_owned(),
                sql,
                is_applied: applied.contains(version),
            })
            .collect();
        Ok(migrations)
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error => Self::Schema(error.to_string()),
        }
    }
}
