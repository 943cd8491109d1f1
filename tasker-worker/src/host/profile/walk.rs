use tasker_core::model::StepError;

use super::{Fault, Scalar, writer::Writer};
use crate::{host::Error, protocol::Json};

/// What a value of a language is to JSON.
pub enum Shape<'v, V> {
    Scalar(Scalar<'v>),
    /// An integer beyond 64 bits.
    LargeInt,
    /// A text that is no Unicode.
    BrokenText,
    List,
    Object,
    /// Another value stands for it.
    StandIn(V),
    /// It has no JSON form; what to do instead, where that is known.
    Unknown(Option<String>),
}

/// Looks at a language's values.
pub trait Look {
    type Value;
    /// What the language raises while a value is looked at.
    type Error;

    fn shape<'v>(&self, value: &'v Self::Value) -> Result<Shape<'v, Self::Value>, Self::Error>;

    /// The shape of a key: a text, or else it is refused.
    fn key<'v>(&self, key: &'v Self::Value) -> Result<Shape<'v, Self::Value>, Self::Error> {
        self.shape(key)
    }

    fn each_item(
        &self,
        list: &Self::Value,
        visit: impl FnMut(&Self::Value) -> Result<(), Refused<Self::Error>>,
    ) -> Result<(), Refused<Self::Error>>;

    /// Each key with its value.
    fn each_field(
        &self,
        object: &Self::Value,
        visit: impl FnMut(&Self::Value, &Self::Value) -> Result<(), Refused<Self::Error>>,
    ) -> Result<(), Refused<Self::Error>>;

    /// Where a value is in the language's memory, by which one that contains itself is found.
    fn identity(&self, value: &Self::Value) -> usize;

    fn type_name(&self, value: &Self::Value) -> Result<String, Self::Error>;
}

/// Why a value was not written.
#[derive(Debug)]
pub enum Refused<E> {
    /// It has no JSON form.
    Fault(Fault),
    /// The language raised.
    Raised(E),
}

impl<E> From<E> for Refused<E> {
    fn from(error: E) -> Self {
        Self::Raised(error)
    }
}

impl<E> Refused<E> {
    /// The error of a call with such a parameter; `what` names it.
    pub fn into_error<R: From<Error> + From<E>>(self, what: &str) -> R {
        match self {
            Self::Fault(fault) => fault.into_error(what).into(),
            Self::Raised(error) => error.into(),
        }
    }

    /// The failure of a step with such a result.
    ///
    /// # Errors
    /// What the language raised.
    pub fn into_step_error(self) -> Result<StepError, E> {
        match self {
            Self::Fault(fault) => Ok(fault.into_step_error()),
            Self::Raised(error) => Err(error),
        }
    }
}

/// The JSON of a value.
///
/// # Errors
/// [`Refused`]: what has no JSON form, with the path to it.
pub fn write<L: Look>(look: &L, value: &L::Value) -> Result<Json, Refused<L::Error>> {
    let mut walk = Walk { look, writer: Writer::default() };
    walk.value(value)?;
    walk.writer.finish().map_err(Refused::Fault)
}

struct Walk<'l, L> {
    look: &'l L,
    writer: Writer,
}

impl<L: Look> Walk<'_, L> {
    fn value(&mut self, value: &L::Value) -> Result<(), Refused<L::Error>> {
        let look = self.look;
        let written = match look.shape(value)? {
            Shape::Scalar(scalar) => self.writer.scalar(&scalar),
            Shape::LargeInt => self.writer.large_int(),
            Shape::BrokenText => self.writer.broken_text(),
            Shape::List => {
                self.writer.begin_list(look.identity(value)).map_err(Refused::Fault)?;
                look.each_item(value, |item| self.value(item))?;
                self.writer.end();
                Ok(())
            }
            Shape::Object => {
                self.writer.begin_object(look.identity(value)).map_err(Refused::Fault)?;
                look.each_field(value, |key, value| self.field(key, value))?;
                self.writer.end();
                Ok(())
            }
            Shape::StandIn(other) => {
                // It is within the value, so that one that turns into itself again and again ends somewhere.
                self.writer.begin_stand_in(look.identity(value)).map_err(Refused::Fault)?;
                self.value(&other)?;
                self.writer.end_stand_in();
                Ok(())
            }
            Shape::Unknown(remedy) => self.writer.unsupported(&look.type_name(value)?, remedy.as_deref()),
        };
        written.map_err(Refused::Fault)
    }

    fn field(&mut self, key: &L::Value, value: &L::Value) -> Result<(), Refused<L::Error>> {
        let written = match self.look.key(key)? {
            Shape::Scalar(Scalar::Text(text)) => self.writer.key(&text),
            Shape::BrokenText => self.writer.broken_text(),
            _ => self.writer.odd_key(&self.look.type_name(key)?),
        };
        written.map_err(Refused::Fault)?;
        self.value(value)
    }
}
