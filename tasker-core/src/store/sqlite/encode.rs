use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::{
    model::Timestamp,
    store::{Error, Result},
};

/// Rows as the json text that set statements read. Payloads are texts within it, so that they arrive as they were.
pub(super) fn rows<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String> {
    let rows: Vec<T> = rows.into_iter().collect();
    text(&rows)
}

pub(super) fn text<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Refused(format!("a row cannot be written as json: {error}")))
}

/// An id as json knows it; the statement makes a blob of it with `unhex`.
#[derive(Clone, Copy)]
pub(super) struct Hex(pub(super) Uuid);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()))
    }
}

/// A time as a column has it.
#[derive(Clone, Copy)]
pub(super) struct Micros(pub(super) Timestamp);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.as_micros())
    }
}
