use sqlx::{
    SqlSafeStr,
    migrate::{MigrateError, MigrationType, Migrator},
};

use super::{Error, Migration};

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
    pub(super) fn status(&self, applied: &[i64]) -> Vec<Migration> {
        let migrations = self.migrations.iter();
        migrations
            .map(|(version, name, sql)| Migration {
                version: *version,
                name: (*name).to_owned(),
                sql,
                is_applied: applied.contains(version),
            })
            .collect()
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => error.into(),
            error => Self::Schema(error.to_string()),
        }
    }
}
