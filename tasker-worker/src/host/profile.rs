//! The JSON profile: how values of any language become JSON, and what cannot. docs/reference/json-profile.md describes it.
//!
//! A binding says what its values are ([`Look`]), and [`write`] walks them: it writes the text, and refuses what has no JSON
//! form, naming the path to it. The other way round, [`read`] has a [`Build`] make values of a text.

mod reader;
mod walk;
mod writer;

use std::borrow::Cow;

pub use reader::{Build, read, read_of};
pub use walk::{Look, Refused, Shape, write};
pub use writer::{DEPTH_MAX, Fault};

/// A value without others in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'t> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Cow<'t, str>),
}

impl<'t> Scalar<'t> {
    pub fn text(text: impl Into<Cow<'t, str>>) -> Self {
        Self::Text(text.into())
    }

    /// The text, or null without one.
    pub fn optional(text: Option<&'t str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }
}
