//! The native part of the Python package `tasker_core`: values, and the calls into `tasker_worker::host`. Everything that
//! Python programmers see is in Python, in `tasker_core/`.

mod attempt;
mod host;
mod value;
mod worker;

use pyo3::{create_exception, exceptions::PyException, prelude::*};
use tasker_worker::{host::Error, protocol::Json};

create_exception!(
    _native,
    NativeError,
    PyException,
    "What the host refused: its arguments are code, message, is_transient, remedy and details (JSON)."
);

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("NativeError", module.py().get_type::<NativeError>())?;
    module.add_class::<host::Host>()?;
    module.add_class::<worker::Worker>()?;
    module.add_class::<attempt::Attempt>()?;
    module.add_function(wrap_pyfunction!(value::dumps, module)?)?;
    module.add_function(wrap_pyfunction!(value::loads, module)?)
}

/// The exception that carries an error of the host.
fn raised(error: &Error) -> PyErr {
    let faults = Json::of(error.details()).unwrap_or_else(|_| Json::null());
    let parts = (
        error.code().to_owned(),
        error.message().to_owned(),
        error.is_transient(),
        error.remedy().to_owned(),
        faults.as_str().to_owned(),
    );
    NativeError::new_err(parts)
}
