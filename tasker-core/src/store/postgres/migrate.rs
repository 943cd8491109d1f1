use std::collections::HashSet;

use sqlx::{
    PgPool, Row, SqlSafeStr,
    migrate::{MigrateError, Migration as Step, MigrationType, Migrator},
};

use crate::store::{Error, Migration, Result};

const TABLE: &str = "tasker.migrations";

const MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "engine", include_str!("../../../../migrations/postgres/0001_engine.sql"))];

/// Applies what is missing; says what was.
pub(super) async fn run(pool: &PgPool) -> Result<Vec<Migration>> {
    let missing: Vec<_> = status(pool).await?.into_iter().filter(|migration| !migration.is_applied).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    let steps = MIGRATIONS.iter().map(|(version, name, sql)| {
        Step::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(steps.collect());
    migrator.create_schema("tasker");
    migrator.dangerous_set_table_name(TABLE);
    migrator.run(pool).await.map_err(of_migration)?;
    Ok(missing)
}

/// Every migration, and whether the database has it; the database may be empty.
pub(super) async fn status(pool: &PgPool) -> Result<Vec<Migration>> {
    let is_new: bool = sqlx::query_scalar("select to_regclass($1) is null").bind(TABLE).fetch_one(pool).await?;
    let applied: HashSet<i64> = if is_new {
        HashSet::new()
    } else {
        let rows = sqlx::query("select version from tasker.migrations where success").fetch_all(pool).await?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
    };
    if let Some(newer) = applied.iter().find(|version| MIGRATIONS.iter().all(|(known, ..)| known != *version)) {
        let text = format!("it has migration {newer}, which this version of Tasker does not know; use a newer one");
        return Err(Error::Schema(text));
    }
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| Migration {
        version: *version,
        name: (*name).into(),
        sql,
        is_applied: applied.contains(version),
    });
    Ok(migrations.collect())
}

fn of_migration(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        error => Error::Schema(error.to_string()),
    }
}
