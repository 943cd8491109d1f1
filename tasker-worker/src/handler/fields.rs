use std::{any::type_name, collections::BTreeMap, fmt};

use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};
use tasker_core::model::{Json, StepError};

/// The keys of a JSON object, each value still as its text, so that a value is decoded once and into the type that is
/// asked for.
#[derive(Debug)]
pub(super) struct Fields {
    /// What the object is, and how the codes of its errors begin: `input` or `config`.
    place: &'static str,
    values: BTreeMap<String, Json>,
}

impl Fields {
    /// No object at all is an empty one.
    pub(super) fn of(object: Option<&Json>, place: &'static str) -> Result<Self, StepError> {
        let values = match object {
            Some(object) => decode(object, place, format_args!("the {place}"))?,
            None => BTreeMap::new(),
        };
        Ok(Self { place, values })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, StepError> {
        match self.values.get(key) {
            Some(value) => decode(value, self.place, format_args!("{} `{key}`", self.place)),
            None => T::deserialize(Absent).map_err(|_| self.missing(key, &short_name::<T>())),
        }
    }

    pub(super) fn get_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, StepError> {
        match self.values.get(key) {
            Some(value) if value.as_str() != "null" => {
                decode(value, self.place, format_args!("{} `{key}`", self.place))
            }
            _ => Ok(default),
        }
    }

    fn missing(&self, key: &str, expected: &str) -> StepError {
        let place = self.place;
        let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
        let message = format!("{place} `{key}` is missing, {expected} was expected (there are: {})", known.join(", "));
        StepError::permanent(format!("{place}_missing"), message)
    }
}

/// The value of a JSON text; its failure is a permanent `{place}_invalid` that names what was read as which type.
pub(super) fn decode<T: DeserializeOwned>(json: &Json, place: &str, what: fmt::Arguments<'_>) -> Result<T, StepError> {
    json.to().map_err(|error| {
        let message = format!("{what} is no {}: {error}", short_name::<T>());
        StepError::permanent(format!("{place}_invalid"), message)
    })
}

/// The name of a type without the paths of its modules: `Vec<Item>`.
fn short_name<T>() -> String {
    let mut short = String::new();
    let mut segment = String::new();
    for letter in type_name::<T>().chars() {
        match letter {
            ':' => segment.clear(),
            '<' | '>' | ',' | ' ' | '(' | ')' | '[' | ']' | '&' | ';' => {
                short.push_str(&segment);
                segment.clear();
                short.push(letter);
            }
            _ => segment.push(letter),
        }
    }
    short + &segment
}

/// A key that is not there: only an `Option` can be made of it.
struct Absent;

#[derive(Debug)]
struct IsAbsent;

impl<'de> Deserializer<'de> for Absent {
    type Error = IsAbsent;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, IsAbsent> {
        Err(IsAbsent)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, IsAbsent> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl fmt::Display for IsAbsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("missing")
    }
}

impl std::error::Error for IsAbsent {}

impl serde::de::Error for IsAbsent {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_lose_their_modules() {
        assert_eq!(short_name::<Vec<Option<String>>>(), "Vec<Option<String>>");
        assert_eq!(short_name::<BTreeMap<String, (u8, Json)>>(), "BTreeMap<String, (u8, Json)>");
    }
}
