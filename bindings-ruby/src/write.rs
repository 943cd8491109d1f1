//! Ruby values to JSON texts. Objects that JSON has no form for are asked of `TaskerCore::Conversion`; nothing is guessed.

use magnus::{
    Error, Exception, Float, Integer, RArray, RHash, RString, Ruby, Symbol, Value,
    encoding::{Coderange, EncodingCapable},
    prelude::*,
    r_hash::ForEach,
    rb_sys::AsRawValue,
    value::{Fixnum, Qfalse, Qtrue},
};
use tasker_worker::{
    host::profile::{Fault, Writer},
    protocol::{Json, StepError},
};

use crate::fault::tasker_core;

/// Why a value is not written.
pub(crate) enum Refusal {
    /// It has no form in JSON.
    Fault(Fault),
    /// Ruby raised while the value was looked at, or somebody ends the thread.
    Ruby(Error),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Ruby(error)
    }
}

/// The JSON of a value that Ruby passes to a call; `what` it is stands in the exception.
pub(crate) fn write(ruby: &Ruby, value: Value, what: &str) -> Result<Json, Error> {
    text(ruby, value).map_err(|refusal| match refusal {
        Refusal::Ruby(error) => error,
        Refusal::Fault(fault) => {
            let (path, reason) = (fault.path.clone(), fault.reason);
            let error = fault.into_error(what);
            let raised = tasker_core(ruby, "Errors").and_then(|errors| {
                errors.funcall::<_, _, Exception>("conversion_error", (error.message(), path, reason))
            });
            raised.map_or_else(|error| error, Error::from)
        }
    })
}

/// The JSON of a handler's result. One that has no form in JSON is the failure of the step.
pub(crate) fn write_result(ruby: &Ruby, value: Value) -> Result<Result<Json, StepError>, Error> {
    match text(ruby, value) {
        Ok(json) => Ok(Ok(json)),
        Err(Refusal::Fault(fault)) => Ok(Err(fault.into_step_error())),
        Err(Refusal::Ruby(error)) => Err(error),
    }
}

fn text(ruby: &Ruby, value: Value) -> Result<Json, Refusal> {
    let mut walk = Walk { ruby, writer: Writer::new() };
    walk.value(value)?;
    Ok(walk.writer.finish()?)
}

/// Stand-ins for stand-ins end here.
const STAND_INS_MAX: usize = 8;

struct Walk<'a> {
    ruby: &'a Ruby,
    writer: Writer,
}

impl Walk<'_> {
    fn value(&mut self, mut value: Value) -> Result<(), Refusal> {
        for _ in 0..STAND_INS_MAX {
            if self.is_written(value)? {
                return Ok(());
            }
            let plain: Value = tasker_core(self.ruby, "Conversion")?.funcall("plain", (value,))?;
            if plain.as_raw() == value.as_raw() {
                break;
            }
            value = plain;
        }
        let class = value.class();
        Ok(self.writer.unsupported(&class.to_string(), None)?)
    }

    fn is_written(&mut self, value: Value) -> Result<bool, Refusal> {
        if value.is_nil() {
            self.writer.null();
        } else if let Some(text) = RString::from_value(value) {
            match self.utf8(text)? {
                Some(text) => self.writer.text(&text),
                None => self.refuse_text(text)?,
            }
        } else if let Some(number) = Fixnum::from_value(value) {
            self.writer.int(number.to_i64());
        } else if let Some(hash) = RHash::from_value(value) {
            self.hash(hash)?;
        } else if let Some(array) = RArray::from_value(value) {
            self.array(array)?;
        } else if let Some(symbol) = Symbol::from_value(value) {
            self.writer.text(&symbol.name()?);
        } else if Qtrue::from_value(value).is_some() {
            self.writer.bool(true);
        } else if Qfalse::from_value(value).is_some() {
            self.writer.bool(false);
        } else if let Some(number) = Float::from_value(value) {
            self.writer.float(number.to_f64())?;
        } else if let Some(number) = Integer::from_value(value) {
            match (number.to_i64(), number.to_u64()) {
                (Ok(number), _) => self.writer.int(number),
                (_, Ok(number)) => self.writer.uint(number),
                _ => self.writer.large_int()?,
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn array(&mut self, array: RArray) -> Result<(), Refusal> {
        self.writer.begin_list(identity(array))?;
        // Its length is asked each time: stand-ins run Ruby code, which may change it.
        let mut index = 0;
        while index < array.len() {
            self.value(array.entry(isize::try_from(index).unwrap_or(isize::MAX))?)?;
            index += 1;
        }
        self.writer.end();
        Ok(())
    }

    fn hash(&mut self, hash: RHash) -> Result<(), Refusal> {
        self.writer.begin_object(identity(hash))?;
        let mut refusal = None;
        hash.foreach(|key: Value, value: Value| {
            Ok(match self.field(key, value) {
                Ok(()) => ForEach::Continue,
                Err(reason) => {
                    refusal = Some(reason);
                    ForEach::Stop
                }
            })
        })?;
        self.writer.end();
        refusal.map_or(Ok(()), Err)
    }

    fn field(&mut self, key: Value, value: Value) -> Result<(), Refusal> {
        if let Some(symbol) = Symbol::from_value(key) {
            self.writer.key(&symbol.name()?);
        } else if let Some(text) = RString::from_value(key)
            && let Some(text) = self.utf8(text)?
        {
            self.writer.key(&text);
        } else {
            let class = key.class();
            self.writer.odd_key(&class.to_string())?;
        }
        self.value(value)
    }

    /// Texts in other encodings are converted; none for bytes that are no text.
    fn utf8(&self, text: RString) -> Result<Option<String>, Error> {
        let coderange = text.enc_coderange_scan();
        if coderange == Coderange::SevenBit || (coderange == Coderange::Valid && text.is_utf8_compatible_encoding()) {
            return text.to_string().map(Some);
        }
        if coderange == Coderange::Broken || self.is_binary(text) {
            return Ok(None);
        }
        let converted: Result<RString, Error> = text.funcall("encode", ("UTF-8",));
        converted.and_then(RString::to_string).map(Some).or(Ok(None))
    }

    fn refuse_text(&mut self, text: RString) -> Result<(), Fault> {
        if self.is_binary(text) {
            return self.writer.unsupported("String of bytes", Some("encode them as text, with Base64 for example"));
        }
        self.writer.broken_text()
    }

    fn is_binary(&self, text: RString) -> bool {
        text.enc_get() == self.ruby.ascii8bit_encindex()
    }
}

/// Where a container is in Ruby's memory. It does not move while the walk is in it, since the stack holds it.
fn identity(value: impl AsRawValue) -> usize {
    usize::try_from(value.as_raw()).unwrap_or_default()
}
