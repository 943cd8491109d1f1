//! Ruby values as JSON and back, by the rules of the JSON profile. Objects that JSON has no form for are asked of
//! `TaskerCore::Conversion`; nothing is guessed.

use magnus::{
    Error, Float, Integer, IntoValue, RArray, RHash, RModule, RString, Ruby, Symbol, Value,
    encoding::{Coderange, EncodingCapable},
    prelude::*,
    r_hash::ForEach,
    rb_sys::AsRawValue,
    value::{Qfalse, Qtrue},
};
use tasker_worker::{
    host::profile::{self, Build, Look, Refused, Scalar, Shape},
    protocol::Json,
};

use crate::fault;

/// Ruby's values. Those under construction are on the stack, or in a container that is, where the garbage collector looks for
/// them.
pub(crate) struct Values<'a>(pub(crate) &'a Ruby);

impl Look for Values<'_> {
    type Value = Value;
    type Error = Error;

    fn shape<'v>(&self, value: &'v Value) -> Result<Shape<'v, Value>, Error> {
        let value = *value;
        Ok(if value.is_nil() {
            Shape::Scalar(Scalar::Null)
        } else if let Some(text) = RString::from_value(value) {
            self.text(text)
        } else if let Some(number) = Integer::from_value(value) {
            let number = number.to_i64().map(Scalar::Int).or_else(|_| number.to_u64().map(Scalar::Uint));
            number.map_or(Shape::LargeInt, Shape::Scalar)
        } else if RHash::from_value(value).is_some() {
            Shape::Object
        } else if RArray::from_value(value).is_some() {
            Shape::List
        } else if let Some(symbol) = Symbol::from_value(value) {
            Shape::Scalar(Scalar::text(symbol.name()?.into_owned()))
        } else if Qtrue::from_value(value).is_some() {
            Shape::Scalar(Scalar::Bool(true))
        } else if Qfalse::from_value(value).is_some() {
            Shape::Scalar(Scalar::Bool(false))
        } else if let Some(number) = Float::from_value(value) {
            Shape::Scalar(Scalar::Float(number.to_f64()))
        } else {
            let plain: Value = tasker_core(self.0, "Conversion")?.funcall("plain", (value,))?;
            if plain.as_raw() == value.as_raw() { Shape::Unknown(None) } else { Shape::StandIn(plain) }
        })
    }

    fn each_item(
        &self,
        list: &Value,
        mut visit: impl FnMut(&Value) -> Result<(), Refused<Error>>,
    ) -> Result<(), Refused<Error>> {
        let list = RArray::try_convert(*list)?;
        // Over a copy, since stand-ins run Ruby code, which may change the list.
        list.into_iter().try_for_each(|item| visit(&item))
    }

    fn each_field(
        &self,
        object: &Value,
        mut visit: impl FnMut(&Value, &Value) -> Result<(), Refused<Error>>,
    ) -> Result<(), Refused<Error>> {
        let mut visited = Ok(());
        RHash::try_convert(*object)?.foreach(|key: Value, value: Value| {
            visited = visit(&key, &value);
            Ok(if visited.is_ok() { ForEach::Continue } else { ForEach::Stop })
        })?;
        visited
    }

    /// It does not move while the walk is in it, since the stack holds it.
    fn identity(&self, value: &Value) -> usize {
        usize::try_from(value.as_raw()).unwrap_or_default()
    }

    fn type_name(&self, value: &Value) -> Result<String, Error> {
        Ok(value.class().to_string())
    }
}

impl Values<'_> {
    /// Texts in other encodings are converted.
    fn text(&self, text: RString) -> Shape<'static, Value> {
        if text.enc_get() == self.0.ascii8bit_encindex() && text.enc_coderange_scan() != Coderange::SevenBit {
            return Shape::Unknown(Some("encode bytes as text, with Base64 for example".to_owned()));
        }
        let utf8 = if text.is_utf8_compatible_encoding() { Ok(text) } else { text.funcall("encode", ("UTF-8",)) };
        utf8.and_then(RString::to_string).map_or(Shape::BrokenText, |text| Shape::Scalar(Scalar::text(text)))
    }
}

impl Build for Values<'_> {
    type Value = Value;
    type List = RArray;
    type Object = RHash;
    type Error = Error;

    fn scalar(&self, scalar: Scalar<'_>) -> Result<Value, Error> {
        Ok(match scalar {
            Scalar::Null => self.0.qnil().as_value(),
            Scalar::Bool(value) => value.into_value_with(self.0),
            Scalar::Int(value) => self.0.integer_from_i64(value).as_value(),
            Scalar::Uint(value) => self.0.integer_from_u64(value).as_value(),
            Scalar::Float(value) => self.0.float_from_f64(value).as_value(),
            Scalar::Text(value) => self.0.str_new(&value).as_value(),
        })
    }

    fn list(&self) -> Result<RArray, Error> {
        Ok(self.0.ary_new())
    }

    fn push(&self, list: &mut RArray, item: Value) -> Result<(), Error> {
        list.push(item)
    }

    fn end_list(&self, list: RArray) -> Result<Value, Error> {
        Ok(list.as_value())
    }

    fn object(&self) -> Result<RHash, Error> {
        Ok(self.0.hash_new())
    }

    fn put(&self, object: &mut RHash, key: &str, value: Value) -> Result<(), Error> {
        object.aset(self.0.str_new(key), value)
    }

    fn end_object(&self, object: RHash) -> Result<Value, Error> {
        Ok(object.as_value())
    }
}

/// The JSON of a parameter; `what` names it.
pub(crate) fn write(ruby: &Ruby, value: Value, what: &str) -> fault::Result<Json> {
    profile::write(&Values(ruby), &value).map_err(|refused| refused.into_error(what))
}

pub(crate) fn read(ruby: &Ruby, text: &str) -> fault::Result<Value> {
    Ok(profile::read(text, &Values(ruby))?)
}

/// A module within `TaskerCore`.
pub(crate) fn tasker_core(ruby: &Ruby, name: &str) -> Result<RModule, Error> {
    ruby.define_module("TaskerCore")?.const_get(name)
}
