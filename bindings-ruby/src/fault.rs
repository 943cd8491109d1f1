//! Errors of Rust as exceptions of Ruby, with all that they know.

use magnus::{Error, Exception, Ruby, Value, error::IntoError, prelude::*};
use tasker_worker::host::{self, profile::ReadError};

use crate::value::{json_of, tasker_core};

/// Why a call has failed.
pub(crate) enum Fault {
    /// What Ruby raised.
    Ruby(Error),
    /// What the host refused.
    Host(host::Error),
    /// What has no value in Ruby.
    Read(ReadError),
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ruby(error)
    }
}

impl From<host::Error> for Fault {
    fn from(error: host::Error) -> Self {
        Self::Host(error)
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl IntoError for Fault {
    fn into_error(self, ruby: &Ruby) -> Error {
        match self {
            Self::Ruby(error) => error,
            Self::Host(error) => client_error(ruby, &error).map_or_else(|fault| fault.into_error(ruby), Error::from),
            Self::Read(error) => {
                Error::new(ruby.exception_arg_error(), format!("this is no JSON that Ruby can hold: {error}"))
            }
        }
    }
}

/// A `TaskerCore::Errors::ClientError`, of the class for its code.
fn client_error(ruby: &Ruby, error: &host::Error) -> Result<Exception> {
    let fields: Value = json_of(ruby, error.view())?;
    Ok(tasker_core(ruby, "Errors")?.funcall("client_error", (fields,))?)
}

/// Runs what Ruby calls. A panic becomes an ordinary exception: the `fatal` that magnus makes of it passes every `rescue` and
/// ends the process.
pub(crate) fn guard<T>(action: impl FnOnce() -> Result<T>) -> Result<T> {
    host::catch(|| Ok(action())).unwrap_or_else(|panic| Err(panic.into()))
}
