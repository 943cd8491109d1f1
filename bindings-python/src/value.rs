//! Python values as JSON and back, by the rules of the JSON profile.

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use tasker_worker::{
    host::profile::{Build, Look, Refused, Scalar, Shape, read, write},
    protocol::Json,
};

use crate::{Result, raised::Raised};

type Any<'py> = Bound<'py, PyAny>;

/// Python's values. The function is asked for another value where one has no JSON form; it returns `NotImplemented`, or a text
/// behind it that says what to do instead, where it knows none.
pub(crate) struct Values<'a, 'py>(pub(crate) &'a Any<'py>);

impl<'py> Look for Values<'_, 'py> {
    type Value = Any<'py>;
    type Error = PyErr;

    // Exact types: a subclass (an Enum, a named tuple) may mean something else, which the function knows.
    fn shape<'v>(&self, value: &'v Any<'py>) -> PyResult<Shape<'v, Any<'py>>> {
        Ok(if let Ok(text) = value.cast_exact::<PyString>() {
            text_of(text)
        } else if value.is_none() {
            Shape::Scalar(Scalar::Null)
        } else if let Ok(flag) = value.cast_exact::<PyBool>() {
            Shape::Scalar(Scalar::Bool(flag.is_true()))
        } else if let Ok(int) = value.cast_exact::<PyInt>() {
            let int = int.extract().map(Scalar::Int).or_else(|_| int.extract().map(Scalar::Uint));
            int.map_or(Shape::LargeInt, Shape::Scalar)
        } else if let Ok(float) = value.cast_exact::<PyFloat>() {
            Shape::Scalar(Scalar::Float(float.value()))
        } else if value.is_exact_instance_of::<PyDict>() {
            Shape::Object
        } else if value.is_exact_instance_of::<PyList>() || value.is_exact_instance_of::<PyTuple>() {
            Shape::List
        } else {
            let (other, remedy): (Any<'py>, Option<String>) = self.0.call1((value,))?.extract()?;
            if other.is(value.py().NotImplemented()) { Shape::Unknown(remedy) } else { Shape::StandIn(other) }
        })
    }

    fn key<'v>(&self, key: &'v Any<'py>) -> PyResult<Shape<'v, Any<'py>>> {
        Ok(key.cast::<PyString>().map_or(Shape::Unknown(None), text_of))
    }

    fn each_item(
        &self,
        list: &Any<'py>,
        mut visit: impl FnMut(&Any<'py>) -> std::result::Result<(), Refused<PyErr>>,
    ) -> std::result::Result<(), Refused<PyErr>> {
        list.try_iter()?.try_for_each(|item| visit(&item?))
    }

    fn each_field(
        &self,
        object: &Any<'py>,
        mut visit: impl FnMut(&Any<'py>, &Any<'py>) -> std::result::Result<(), Refused<PyErr>>,
    ) -> std::result::Result<(), Refused<PyErr>> {
        let object = object.cast::<PyDict>().map_err(PyErr::from)?;
        object.iter().try_for_each(|(key, value)| visit(&key, &value))
    }

    fn identity(&self, value: &Any<'py>) -> usize {
        value.as_ptr() as usize
    }

    fn type_name(&self, value: &Any<'py>) -> PyResult<String> {
        Ok(value.get_type().fully_qualified_name()?.to_string())
    }
}

fn text_of<'v, V>(text: &'v Bound<'_, PyString>) -> Shape<'v, V> {
    text.to_str().map_or(Shape::BrokenText, |text| Shape::Scalar(Scalar::text(text)))
}

/// Python's values, made of JSON.
pub(crate) struct Objects<'py>(pub(crate) Python<'py>);

impl<'py> Build for Objects<'py> {
    type Value = Any<'py>;
    type List = Vec<Any<'py>>;
    type Object = Bound<'py, PyDict>;
    type Error = PyErr;

    fn scalar(&self, scalar: Scalar<'_>) -> PyResult<Any<'py>> {
        Ok(match scalar {
            Scalar::Null => self.0.None().into_bound(self.0),
            Scalar::Bool(value) => PyBool::new(self.0, value).to_owned().into_any(),
            Scalar::Int(value) => value.into_pyobject(self.0)?.into_any(),
            Scalar::Uint(value) => value.into_pyobject(self.0)?.into_any(),
            Scalar::Float(value) => PyFloat::new(self.0, value).into_any(),
            Scalar::Text(value) => PyString::new(self.0, &value).into_any(),
        })
    }

    fn list(&self) -> PyResult<Self::List> {
        Ok(Vec::new())
    }

    fn push(&self, list: &mut Self::List, item: Any<'py>) -> PyResult<()> {
        list.push(item);
        Ok(())
    }

    fn end_list(&self, list: Self::List) -> PyResult<Any<'py>> {
        Ok(PyList::new(self.0, list)?.into_any())
    }

    fn object(&self) -> PyResult<Self::Object> {
        Ok(PyDict::new(self.0))
    }

    fn put(&self, object: &mut Self::Object, key: &str, value: Any<'py>) -> PyResult<()> {
        object.set_item(key, value)
    }

    fn end_object(&self, object: Self::Object) -> PyResult<Any<'py>> {
        Ok(object.into_any())
    }
}

/// The JSON of a parameter; `what` names it.
pub(crate) fn to_json(value: &Any<'_>, default: &Any<'_>, what: &str) -> Result<Json> {
    write(&Values(default), value).map_err(|refused| refused.into_error::<Raised>(what))
}

/// The JSON text of a value.
#[pyfunction]
pub(crate) fn dumps(value: &Any<'_>, default: &Any<'_>) -> Result<String> {
    Ok(to_json(value, default, "the value")?.as_str().to_owned())
}

/// The value of a JSON text.
#[pyfunction]
pub(crate) fn loads<'py>(py: Python<'py>, text: &str) -> Result<Any<'py>> {
    Ok(read(text, &Objects(py))?)
}
