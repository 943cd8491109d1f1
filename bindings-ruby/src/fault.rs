//! Errors of Rust as exceptions of Ruby, with all that they know.

use magnus::{Error, Exception, Ruby, error::IntoError, prelude::*};
use tasker_worker::host::{self, profile::read_of};

use crate::value::{Values, tasker_core};

/// Why a call has failed.
pub(crate) enum Fault {
    /// What Ruby raised.
    Ruby(Error),
    /// What the host refused.
    Host(host::Error),
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

impl IntoError for Fault {
    fn into_error(self, ruby: &Ruby) -> Error {
        match self {
            Self::Ruby(error) => error,
            Self::Host(error) => client_error(ruby, &error).map_or_else(|fault| fault.into_error(ruby), Error::from),
        }
    }
}

/// A `TaskerCore::Errors::ClientError`, of the class for its code.
fn client_error(ruby: &Ruby, error: &host::Error) -> Result<Exception> {
    let fields = read_of(error.view(), &Values(ruby))?;
    Ok(tasker_core(ruby, "Errors")?.funcall("client_error", (fields,))?)
}

/// Runs what Ruby calls. A panic becomes an ordinary exception: the `fatal` that magnus makes of it passes every `rescue` and
/// ends the process.
pub(crate) fn guard<T>(action: impl FnOnce() -> Result<T>) -> Result<T> {
    host::catch(|| Ok(action())).unwrap_or_else(|panic| Err(panic.into()))
}
