//! JSON texts to Ruby values: objects become Hashes with Strings as keys.

use magnus::{Error, IntoValue, RArray, RHash, Ruby, Value, prelude::*};
use tasker_worker::host::profile::{self, Build};

pub(crate) fn read(ruby: &Ruby, text: &str) -> Result<Value, Error> {
    profile::read(text, &Builder(ruby))
        .map_err(|error| Error::new(ruby.exception_arg_error(), format!("this is no JSON that Ruby can hold: {error}")))
}

/// Values under construction are on the stack, or in a container that is, where the garbage collector looks for them.
struct Builder<'a>(&'a Ruby);

impl Build for Builder<'_> {
    type Value = Value;
    type List = RArray;
    type Object = RHash;
    type Error = Error;

    fn null(&self) -> Result<Value, Error> {
        Ok(self.0.qnil().as_value())
    }

    fn bool(&self, value: bool) -> Result<Value, Error> {
        Ok(value.into_value_with(self.0))
    }

    fn int(&self, value: i64) -> Result<Value, Error> {
        Ok(self.0.integer_from_i64(value).as_value())
    }

    fn uint(&self, value: u64) -> Result<Value, Error> {
        Ok(self.0.integer_from_u64(value).as_value())
    }

    fn float(&self, value: f64) -> Result<Value, Error> {
        Ok(self.0.float_from_f64(value).as_value())
    }

    fn text(&self, value: &str) -> Result<Value, Error> {
        Ok(self.0.str_new(value).as_value())
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
