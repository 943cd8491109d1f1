use std::fmt;

use serde::{
    Serialize,
    de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor},
};

use super::Scalar;
use crate::host::Result as HostResult;

/// Makes a language's values of the parts of a JSON text.
pub trait Build {
    type Value;
    type List;
    type Object;
    /// Why a value cannot be made; usually that there is no memory.
    type Error: fmt::Display;

    fn scalar(&self, scalar: Scalar<'_>) -> Result<Self::Value, Self::Error>;
    fn list(&self) -> Result<Self::List, Self::Error>;
    fn push(&self, list: &mut Self::List, item: Self::Value) -> Result<(), Self::Error>;
    fn end_list(&self, list: Self::List) -> Result<Self::Value, Self::Error>;
    fn object(&self) -> Result<Self::Object, Self::Error>;
    fn put(&self, object: &mut Self::Object, key: &str, value: Self::Value) -> Result<(), Self::Error>;
    fn end_object(&self, object: Self::Object) -> Result<Self::Value, Self::Error>;
}

/// Makes the value of a JSON text in one pass. Integers beyond 64 bits become the nearest float.
///
/// # Errors
/// `json_unreadable`: the text is not JSON or has more than 128 levels, or what [`Build`] says.
pub fn read<B: Build>(text: &str, build: &B) -> HostResult<B::Value> {
    let mut source = serde_json::Deserializer::from_str(text);
    let value = Of(build).deserialize(&mut source)?;
    source.end()?;
    Ok(value)
}

/// Makes the value of what has a form in JSON.
///
/// # Errors
/// As [`read`].
pub fn read_of<T: Serialize + ?Sized, B: Build>(part: &T, build: &B) -> HostResult<B::Value> {
    read(&serde_json::to_string(part)?, build)
}

struct Of<'b, B>(&'b B);

impl<'de, B: Build> DeserializeSeed<'de> for Of<'_, B> {
    type Value = B::Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<B::Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de, B: Build> Visitor<'de> for Of<'_, B> {
    type Value = B::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<B::Value, E> {
        self.0.scalar(Scalar::Null).map_err(E::custom)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<B::Value, E> {
        self.0.scalar(Scalar::Bool(value)).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<B::Value, E> {
        self.0.scalar(Scalar::Int(value)).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<B::Value, E> {
        self.0.scalar(Scalar::Uint(value)).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<B::Value, E> {
        self.0.scalar(Scalar::Float(value)).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<B::Value, E> {
        self.0.scalar(Scalar::text(value)).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<B::Value, A::Error> {
        let mut list = self.0.list().map_err(A::Error::custom)?;
        while let Some(item) = items.next_element_seed(Of(self.0))? {
            self.0.push(&mut list, item).map_err(A::Error::custom)?;
        }
        self.0.end_list(list).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<B::Value, A::Error> {
        let mut object = self.0.object().map_err(A::Error::custom)?;
        while let Some(key) = fields.next_key_seed(Key)? {
            let value = fields.next_value_seed(Of(self.0))?;
            self.0.put(&mut object, &key, value).map_err(A::Error::custom)?;
        }
        self.0.end_object(object).map_err(A::Error::custom)
    }
}

/// A key, borrowed from the text unless it has escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = std::borrow::Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = std::borrow::Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(value.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::{Map, Value};

    use super::*;

    struct Tree;

    impl Build for Tree {
        type Value = Value;
        type List = Vec<Value>;
        type Object = Map<String, Value>;
        type Error = Infallible;

        fn scalar(&self, scalar: Scalar<'_>) -> Result<Value, Infallible> {
            Ok(match scalar {
                Scalar::Null => Value::Null,
                Scalar::Bool(value) => value.into(),
                Scalar::Int(value) => value.into(),
                Scalar::Uint(value) => value.into(),
                Scalar::Float(value) => value.into(),
                Scalar::Text(value) => value.into(),
            })
        }
        fn list(&self) -> Result<Vec<Value>, Infallible> {
            Ok(Vec::new())
        }
        fn push(&self, list: &mut Vec<Value>, item: Value) -> Result<(), Infallible> {
            list.push(item);
            Ok(())
        }
        fn end_list(&self, list: Vec<Value>) -> Result<Value, Infallible> {
            Ok(list.into())
        }
        fn object(&self) -> Result<Self::Object, Infallible> {
            Ok(Map::new())
        }
        fn put(&self, object: &mut Self::Object, key: &str, value: Value) -> Result<(), Infallible> {
            object.insert(key.to_owned(), value);
            Ok(())
        }
        fn end_object(&self, object: Self::Object) -> Result<Value, Infallible> {
            Ok(object.into())
        }
    }

    #[test]
    fn every_kind_of_value_is_built() {
        let text = r#" {"a\n": [null, true, -1, 18446744073709551615, 1.5, "é\u00e9"], "": {}, "x": 1, "x": 2} "#;
        assert_eq!(read(text, &Tree).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_no_json_text_is_refused() {
        for text in ["", "[1,", "1 2", "NaN", &"[".repeat(200)] {
            assert!(read(text, &Tree).is_err(), "{text}");
        }
    }
}
