use pyo3::{create_exception, exceptions::PyException, prelude::*};
use tasker_worker::{host::Error, protocol::Json};

create_exception!(
    _native,
    NativeError,
    PyException,
    "What the host refused: its arguments are code, message, is_transient, remedy and details (JSON)."
);

/// What is raised: an exception of Python's, or an error of the host as one.
pub(crate) struct Raised(PyErr);

pub(crate) type Result<T> = std::result::Result<T, Raised>;

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<Error> for Raised {
    fn from(error: Error) -> Self {
        let details = Json::of(error.details()).unwrap_or_else(|_| Json::null());
        Self(NativeError::new_err((
            error.code().to_owned(),
            error.message().to_owned(),
            error.is_transient(),
            error.remedy().to_owned(),
            details.as_str().to_owned(),
        )))
    }
}

impl From<Raised> for PyErr {
    fn from(Raised(error): Raised) -> Self {
        error
    }
}
