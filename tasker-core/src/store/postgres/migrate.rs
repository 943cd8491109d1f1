use sqlx::{Connection, Executor, PgPool};

use super::sql;
use crate::store::{Error, Migration, Result, schema::Schema};

const SCHEMA: Schema = Schema {
    migrations: &[
        (1, "engine", include_str!("../../../../migrations/postgres/0001_engine.sql")),
        (2, "operations", include_str!("../../../../migrations/postgres/0002_operations.sql")),
        (3, "flows", include_str!("../../../../migrations/postgres/0003_flows.sql")),
        (4, "relays", include_str!("../../../../migrations/postgres/0004_relays.sql")),
        (5, "audits", include_str!("../../../../migrations/postgres/0005_audits.sql")),
        (6, "webhooks", include_str!("../../../../migrations/postgres/0006_webhooks.sql")),
        (7, "log_base", include_str!("../../../../migrations/postgres/0007_log_base.sql")),
    ],
    table: "tasker.migrations",
};

/// Applies what is missing; says what was. Processes that start together wait for one another.
pub(super) async fn run(pool: &PgPool) -> Result<Vec<Migration>> {
    let before = status(pool).await?;
    let mut migrator = SCHEMA.migrator();
    migrator.create_schema("tasker");
    // A connection of its own, since the pool's give up slow statements.
    let mut connection = pool.acquire().await?.detach();
    connection.execute("set statement_timeout = 0").await?;
    migrator.run_direct(None, &mut connection, false).await?;
    connection.execute(sql::REBASE_LOG.sql()).await?;
    connection.close().await?;
    let missing = before.into_iter().filter(|migration| !migration.is_applied);
    Ok(missing.map(|migration| Migration { is_applied: true, ..migration }).collect())
}

/// Every migration, and whether the database has it; the database may be empty.
pub(super) async fn status(pool: &PgPool) -> Result<Vec<Migration>> {
    let applied: Vec<i64> = match sqlx::query_scalar(sql::APPLIED_MIGRATIONS.sql()).fetch_all(pool).await {
        Ok(applied) => applied,
        Err(error) => match Error::from(error) {
            Error::Schema(_) => Vec::new(),
            error => return Err(error),
        },
    };
    SCHEMA.status(&applied)
}
