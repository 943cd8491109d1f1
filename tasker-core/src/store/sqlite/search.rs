use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use uuid::Uuid;

use super::{SqliteStore, columns::Columns, encode, read, sql};
use crate::{
    model::{Page, Task, TaskId, Timestamp},
    store::{
        Result, Statement, TaskCursor, TaskFilter,
        search::{Ask, Search, Want, keep, probe_words, search, words},
    },
};

#[async_trait]
impl Search for SqliteStore {
    type Row = SqliteRow;

    async fn probe(&self, ask: &Ask<'_>) -> Result<Option<Uuid>> {
        let rows = self.ask(&sql::PROBE_TASKS, &probe_words(ask.by), ask).await?;
        rows.first().map(id).transpose()
    }

    async fn find(&self, ask: &Ask<'_>, want: Want) -> Result<Vec<SqliteRow>> {
        self.ask(&sql::SEARCH_TASKS, &words(ask, want), ask).await
    }
}

impl SqliteStore {
    async fn ask(&self, statement: &Statement, words: &[String], ask: &Ask<'_>) -> Result<Vec<SqliteRow>> {
        let (text, order) = keep(statement.sql(), words, '?');
        let mut query = sqlx::query(AssertSqlSafe(text));
        for number in order {
            query = bind(query, ask, number)?;
        }
        self.connections.fetch(query).await
    }
}

pub(super) async fn tasks(store: &SqliteStore, filter: &TaskFilter, limit: u32) -> Result<Page<Task>> {
    let found = search(store, filter, Want::Rows, u64::from(limit) + 1).await?;
    let tasks = found.rows.iter().map(read::read_task).collect::<Result<_>>()?;
    Ok(TaskCursor::page(tasks, limit, found.looked_to, |task: &Task| task.task_id))
}

pub(super) async fn ids(store: &SqliteStore, filter: &TaskFilter, limit: u32) -> Result<Page<TaskId>> {
    let found = search(store, filter, Want::Ids, u64::from(limit) + 1).await?;
    let ids = found.rows.iter().map(|row| id(row).map(TaskId)).collect::<Result<_>>()?;
    Ok(TaskCursor::page(ids, limit, found.looked_to, |task_id| *task_id))
}

pub(super) async fn count(store: &SqliteStore, filter: &TaskFilter, limit: u64) -> Result<u64> {
    let found = search(store, filter, Want::Count, limit).await?;
    let count = found.rows.first().map_or(Ok(0), |row| Columns::new(row, "a count").read::<i64>())?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn id(row: &SqliteRow) -> Result<Uuid> {
    Columns::new(row, "a task").uuid()
}

fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    ask: &Ask<'q>,
    number: usize,
) -> Result<Query<'q, Sqlite, SqliteArguments>> {
    let filter = ask.filter;
    let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
    Ok(match number {
        1 => query.bind(i64::try_from(ask.limit).unwrap_or(i64::MAX)),
        2 => query.bind(ask.start()),
        3 => query.bind(filter.ids().end),
        4 => query.bind(&filter.namespace),
        5 => query.bind(&filter.name),
        6 => query.bind(&filter.version),
        7 => query.bind(encode::rows(filter.states.iter().map(|state| state.as_str()))?),
        8 => query.bind(&filter.tag),
        9 => query.bind(&filter.correlation_id),
        10 => query.bind(&filter.parent_correlation_id),
        11 => query.bind(&filter.initiator),
        12 => query.bind(&filter.source_system),
        13 => query.bind(filter.priority),
        14 => query.bind(micros(filter.created.from)),
        15 => query.bind(micros(filter.created.before)),
        16 => query.bind(micros(filter.updated.from)),
        17 => query.bind(micros(filter.updated.before)),
        18 => query.bind(micros(filter.completed.from)),
        _ => query.bind(micros(filter.completed.before)),
    })
}
