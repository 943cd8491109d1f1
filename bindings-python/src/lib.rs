//! The native part of the Python package `tasker_core`: values, and the calls into `tasker_worker::host`. Everything that
//! Python programmers see is in Python, in `tasker_core/`.

mod attempt;
mod host;
mod raised;
mod value;
mod worker;

use pyo3::prelude::*;

use self::raised::{NativeError, Result};

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
