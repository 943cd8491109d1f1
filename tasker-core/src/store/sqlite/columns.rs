use std::{fmt::Display, str::FromStr, sync::Arc};

use serde::de::DeserializeOwned;
use sqlx::{Decode, Row, Sqlite, Type, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    model::{Fact, Json, Timestamp},
    store::{Error, Result},
};

/// Reads the columns of a row in the order of the statement's select list.
pub(super) struct Columns<'r> {
    row: &'r SqliteRow,
    next: usize,
    /// What is read, for errors.
    what: &'static str,
}

impl<'r> Columns<'r> {
    pub(super) fn new(row: &'r SqliteRow, what: &'static str) -> Self {
        Self { row, next: 0, what }
    }

    /// The next column as SQLite has it: integers, texts, or none for null.
    pub(super) fn read<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Result<T> {
        self.next += 1;
        Ok(self.row.try_get(self.next - 1)?)
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid> {
        self.read()
    }

    pub(super) fn count(&mut self) -> Result<u32> {
        self.read()
    }

    pub(super) fn time(&mut self) -> Result<Timestamp> {
        self.read().map(Timestamp::from_micros)
    }

    pub(super) fn time_or_none(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.read::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    pub(super) fn shared(&mut self) -> Result<Arc<str>> {
        self.read::<&str>().map(Arc::from)
    }

    /// A word, for example a state.
    pub(super) fn word<T: FromStr<Err: Display>>(&mut self) -> Result<T> {
        let text: &str = self.read()?;
        text.parse().map_err(|error| self.corrupt(error))
    }

    pub(super) fn json(&mut self) -> Result<Json> {
        let text: String = self.read()?;
        Json::parse(text).map_err(|error| self.corrupt(error))
    }

    pub(super) fn json_or_none(&mut self) -> Result<Option<Json>> {
        let text: Option<String> = self.read()?;
        text.map(Json::parse).transpose().map_err(|error| self.corrupt(error))
    }

    /// A column that holds the JSON of a `T`.
    pub(super) fn decoded<T: DeserializeOwned>(&mut self) -> Result<T> {
        let text: &str = self.read()?;
        serde_json::from_str(text).map_err(|error| self.corrupt(error))
    }

    pub(super) fn decoded_or_none<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let text: Option<&str> = self.read()?;
        text.map(serde_json::from_str).transpose().map_err(|error| self.corrupt(error))
    }

    /// A column that holds the facts of a row of the log.
    pub(super) fn facts(&mut self) -> Result<Vec<Fact>> {
        let text: &str = self.read()?;
        Fact::list(text).map_err(|error| self.corrupt(error))
    }

    fn corrupt(&self, error: impl Display) -> Error {
        let column = self.row.columns().get(self.next - 1).map_or("?", sqlx::Column::name);
        Error::Corrupt(format!("{}, column {column}: {error}", self.what))
    }
}
