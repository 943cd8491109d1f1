use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::{SqliteStore, encode, read, sql};
use crate::{
    model::{Task, Timestamp},
    store::{
        Result, Statement,
        search::{Search, Value},
    },
};

#[async_trait]
impl Search for SqliteStore {
    type Row = SqliteRow;
    const SIGN: char = '?';

    fn statements() -> (&'static Statement, &'static Statement) {
        (&sql::PROBE_TASKS, &sql::SEARCH_TASKS)
    }

    async fn fetch(&self, text: String, values: Vec<Value<'_>>) -> Result<Vec<SqliteRow>> {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for value in values {
            query = match value {
                Value::Count(count) => query.bind(i64::try_from(count).unwrap_or(i64::MAX)),
                Value::Id(id) => query.bind(id),
                Value::Text(text) => query.bind(text),
                Value::Words(words) => query.bind(encode::rows(words)?),
                Value::Number(number) => query.bind(number),
                Value::Time(time) => query.bind(time.map(Timestamp::as_micros)),
            };
        }
        self.connections.fetch(query).await
    }

    fn task(row: &SqliteRow) -> Result<Task> {
        read::read_task(row)
    }

    fn id(row: &SqliteRow) -> Result<Uuid> {
        Ok(row.try_get(0)?)
    }

    fn count(row: &SqliteRow) -> Result<i64> {
        Ok(row.try_get(0)?)
    }
}
