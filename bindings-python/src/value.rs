//! Python values as JSON and back, by the rules of the JSON profile.

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use tasker_worker::{
    host::profile::{self, Build, Fault, Writer},
    protocol::Json,
};

use crate::raised;

/// Why a value was not written.
pub(crate) enum Refused {
    /// It has no JSON form.
    Fault(Fault),
    /// Python raised, in `default` or while the value was looked at.
    Raised(PyErr),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<PyErr> for Refused {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl Refused {
    /// The exception for a parameter; `what` names it.
    pub(crate) fn raised(self, what: &str) -> PyErr {
        match self {
            Self::Fault(fault) => raised(&fault.into_error(what)),
            Self::Raised(error) => error,
        }
    }
}

/// The JSON of a value. `default` is asked for another value where one has no JSON form; it returns `NotImplemented`, or a
/// text behind it that says what to do instead, where it knows none.
pub(crate) fn to_json(value: &Bound<'_, PyAny>, default: &Bound<'_, PyAny>) -> Result<Json, Refused> {
    let mut writer = Writer::new();
    write(&mut writer, value, default)?;
    Ok(writer.finish()?)
}

fn write(writer: &mut Writer, value: &Bound<'_, PyAny>, default: &Bound<'_, PyAny>) -> Result<(), Refused> {
    // Exact types first: a subclass (an Enum, a named tuple) may mean something else, which `default` knows.
    if let Ok(text) = value.cast_exact::<PyString>() {
        write_text(writer, text)?;
    } else if value.is_none() {
        writer.null();
    } else if let Ok(flag) = value.cast_exact::<PyBool>() {
        writer.bool(flag.is_true());
    } else if let Ok(int) = value.cast_exact::<PyInt>() {
        write_int(writer, int)?;
    } else if let Ok(float) = value.cast_exact::<PyFloat>() {
        writer.float(float.value())?;
    } else if let Ok(object) = value.cast_exact::<PyDict>() {
        write_object(writer, object, default)?;
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        writer.begin_list(identity(value))?;
        list.iter().try_for_each(|item| write(writer, &item, default))?;
        writer.end();
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        writer.begin_list(identity(value))?;
        tuple.iter().try_for_each(|item| write(writer, &item, default))?;
        writer.end();
    } else {
        write_other(writer, value, default)?;
    }
    Ok(())
}

fn write_other(writer: &mut Writer, value: &Bound<'_, PyAny>, default: &Bound<'_, PyAny>) -> Result<(), Refused> {
    let (other, remedy): (Bound<'_, PyAny>, Option<String>) = default.call1((value,))?.extract()?;
    if other.is(value.py().NotImplemented()) {
        writer.unsupported(&type_name(value)?, remedy.as_deref())?;
        return Ok(());
    }
    // What stands for a value is within it, so that one that turns into itself again and again ends somewhere.
    writer.within(identity(value), |writer| write(writer, &other, default))
}

fn write_text(writer: &mut Writer, text: &Bound<'_, PyString>) -> Result<(), Refused> {
    match text.to_str() {
        Ok(text) => writer.text(text),
        Err(_) => writer.broken_text()?,
    }
    Ok(())
}

fn write_int(writer: &mut Writer, int: &Bound<'_, PyInt>) -> Result<(), Refused> {
    if let Ok(value) = int.extract::<i64>() {
        writer.int(value);
    } else if let Ok(value) = int.extract::<u64>() {
        writer.uint(value);
    } else {
        writer.large_int()?;
    }
    Ok(())
}

fn write_object(writer: &mut Writer, object: &Bound<'_, PyDict>, default: &Bound<'_, PyAny>) -> Result<(), Refused> {
    writer.begin_object(identity(object))?;
    for (key, value) in object.iter() {
        match key.cast_exact::<PyString>().map(|key| key.to_str()) {
            Ok(Ok(text)) => writer.key(text),
            Ok(Err(_)) => writer.broken_text()?,
            Err(_) => match key.cast::<PyString>().map(|key| key.to_str()) {
                Ok(Ok(text)) => writer.key(text),
                _ => writer.odd_key(&type_name(&key)?)?,
            },
        }
        write(writer, &value, default)?;
    }
    writer.end();
    Ok(())
}

fn identity(value: &Bound<'_, PyAny>) -> usize {
    value.as_ptr() as usize
}

fn type_name(value: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(value.get_type().fully_qualified_name()?.to_string())
}

/// The value of a JSON text.
pub(crate) fn from_json<'py>(py: Python<'py>, json: &Json) -> PyResult<Bound<'py, PyAny>> {
    read(py, json.as_str())
}

fn read<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    profile::read(text, &Objects(py)).map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))
}

struct Objects<'py>(Python<'py>);

impl<'py> Build for Objects<'py> {
    type Value = Bound<'py, PyAny>;
    type List = Vec<Bound<'py, PyAny>>;
    type Object = Bound<'py, PyDict>;
    type Error = PyErr;

    fn null(&self) -> PyResult<Self::Value> {
        Ok(self.0.None().into_bound(self.0))
    }
    fn bool(&self, value: bool) -> PyResult<Self::Value> {
        Ok(PyBool::new(self.0, value).to_owned().into_any())
    }
    fn int(&self, value: i64) -> PyResult<Self::Value> {
        Ok(value.into_pyobject(self.0)?.into_any())
    }
    fn uint(&self, value: u64) -> PyResult<Self::Value> {
        Ok(value.into_pyobject(self.0)?.into_any())
    }
    fn float(&self, value: f64) -> PyResult<Self::Value> {
        Ok(PyFloat::new(self.0, value).into_any())
    }
    fn text(&self, value: &str) -> PyResult<Self::Value> {
        Ok(PyString::new(self.0, value).into_any())
    }
    fn list(&self) -> PyResult<Self::List> {
        Ok(Vec::new())
    }
    fn push(&self, list: &mut Self::List, item: Self::Value) -> PyResult<()> {
        list.push(item);
        Ok(())
    }
    fn end_list(&self, list: Self::List) -> PyResult<Self::Value> {
        Ok(PyList::new(self.0, list)?.into_any())
    }
    fn object(&self) -> PyResult<Self::Object> {
        Ok(PyDict::new(self.0))
    }
    fn put(&self, object: &mut Self::Object, key: &str, value: Self::Value) -> PyResult<()> {
        object.set_item(key, value)
    }
    fn end_object(&self, object: Self::Object) -> PyResult<Self::Value> {
        Ok(object.into_any())
    }
}

/// The JSON text of a value.
#[pyfunction]
pub(crate) fn dumps(value: &Bound<'_, PyAny>, default: &Bound<'_, PyAny>) -> PyResult<String> {
    to_json(value, default).map(|json| json.as_str().to_owned()).map_err(|refused| refused.raised("the value"))
}

/// The value of a JSON text.
#[pyfunction]
pub(crate) fn loads<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    read(py, text)
}
