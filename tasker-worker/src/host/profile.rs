//! The JSON profile: how values of any language become JSON, and what cannot. docs/reference/json-profile.md describes it.
//!
//! A binding walks its own values and tells a [`Writer`] what it meets; the writer writes the text and refuses what has no
//! JSON form, naming the path to it. The other way round, [`read`] has a [`Build`] make values of a text.

mod reader;
mod writer;

pub use reader::{Build, ReadError, read};
pub use writer::{DEPTH_MAX, Fault, Writer};
