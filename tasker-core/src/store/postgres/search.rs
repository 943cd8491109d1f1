use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{PostgresStore, row, sql};
use crate::{
    model::{Page, Task, TaskId},
    store::{
        Result, Statement, TaskCursor, TaskFilter,
        search::{Ask, Search, Want, keep, probe_words, search, words},
    },
};

#[async_trait]
impl Search for PostgresStore {
    type Row = PgRow;

    async fn probe(&self, ask: &Ask<'_>) -> Result<Option<Uuid>> {
        let rows = self.ask(&sql::PROBE_TASKS, &probe_words(ask.by), ask).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    async fn find(&self, ask: &Ask<'_>, want: Want) -> Result<Vec<PgRow>> {
        self.ask(&sql::SEARCH_TASKS, &words(ask, want), ask).await
    }
}

impl PostgresStore {
    async fn ask(&self, statement: &Statement, words: &[String], ask: &Ask<'_>) -> Result<Vec<PgRow>> {
        let (text, order) = keep(statement.sql(), words, '$');
        let mut query = sqlx::query(AssertSqlSafe(text));
        for number in order {
            query = bind(query, ask, number);
        }
        Ok(query.fetch_all(&self.query).await?)
    }

    pub(super) async fn search_tasks(&self, filter: &TaskFilter, limit: u32) -> Result<Page<Task>> {
        let found = search(self, filter, Want::Rows, u64::from(limit) + 1).await?;
        let tasks = found.rows.iter().map(row::task).collect::<Result<_>>()?;
        Ok(TaskCursor::page(tasks, limit, found.looked_to, |task: &Task| task.task_id))
    }

    pub(super) async fn search_ids(&self, filter: &TaskFilter, limit: u32) -> Result<Page<TaskId>> {
        let found = search(self, filter, Want::Ids, u64::from(limit) + 1).await?;
        let ids = found.rows.iter().map(|row| Ok(TaskId(row.try_get("id")?))).collect::<Result<_>>()?;
        Ok(TaskCursor::page(ids, limit, found.looked_to, |task_id| *task_id))
    }

    pub(super) async fn search_count(&self, filter: &TaskFilter, limit: u64) -> Result<u64> {
        let found = search(self, filter, Want::Count, limit).await?;
        let count = found.rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn bind<'q>(query: Query<'q, Postgres, PgArguments>, ask: &Ask<'q>, number: usize) -> Query<'q, Postgres, PgArguments> {
    let filter = ask.filter;
    match number {
        1 => query.bind(i64::try_from(ask.limit).unwrap_or(i64::MAX)),
        2 => query.bind(ask.start()),
        3 => query.bind(filter.ids().end),
        4 => query.bind(&filter.namespace),
        5 => query.bind(&filter.name),
        6 => query.bind(&filter.version),
        7 => query.bind(filter.states.iter().map(|state| state.as_str()).collect::<Vec<_>>()),
        8 => query.bind(&filter.tag),
        9 => query.bind(&filter.correlation_id),
        10 => query.bind(&filter.parent_correlation_id),
        11 => query.bind(&filter.initiator),
        12 => query.bind(&filter.source_system),
        13 => query.bind(filter.priority),
        14 => query.bind(filter.created.from),
        15 => query.bind(filter.created.before),
        16 => query.bind(filter.updated.from),
        17 => query.bind(filter.updated.before),
        18 => query.bind(filter.completed.from),
        _ => query.bind(filter.completed.before),
    }
}
