use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row, postgres::PgRow};
use uuid::Uuid;

use super::{PostgresStore, row, sql};
use crate::{
    model::Task,
    store::{
        Result, Statement,
        search::{Search, Value},
    },
};

#[async_trait]
impl Search for PostgresStore {
    type Row = PgRow;
    const SIGN: char = '$';

    fn statements() -> (&'static Statement, &'static Statement) {
        (&sql::PROBE_TASKS, &sql::SEARCH_TASKS)
    }

    async fn fetch(&self, text: String, values: Vec<Value<'_>>) -> Result<Vec<PgRow>> {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(text)), |query, value| match value {
            Value::Count(count) => query.bind(i64::try_from(count).unwrap_or(i64::MAX)),
            Value::Id(id) => query.bind(id),
            Value::Text(text) => query.bind(text),
            Value::Words(words) => query.bind(words),
            Value::Number(number) => query.bind(number),
            Value::Time(time) => query.bind(time),
        });
        Ok(query.fetch_all(&self.query).await?)
    }

    fn task(row: &PgRow) -> Result<Task> {
        row::task(row)
    }

    fn id(row: &PgRow) -> Result<Uuid> {
        Ok(row.try_get(0)?)
    }

    fn count(row: &PgRow) -> Result<i64> {
        Ok(row.try_get(0)?)
    }
}
