//! Errors of Rust as exceptions of Ruby, with all that they know.

use magnus::{Error, Exception, Ruby, Value, prelude::*};
use tasker_worker::host;

use crate::value::{json_of, tasker_core};

/// Why a call has failed: what Ruby raised, or what the host refused.
pub(crate) enum Fault {
    Ruby(Error),
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

/// Runs what Ruby calls. A panic becomes an ordinary exception: the `fatal` that magnus makes of it passes every `rescue` and
/// ends the process.
pub(crate) fn guard<T>(ruby: &Ruby, action: impl FnOnce() -> Result<T>) -> std::result::Result<T, Error> {
    let ended = host::catch(|| Ok(action())).unwrap_or_else(|panic| Err(Fault::Host(panic)));
    ended.map_err(|fault| match fault {
        Fault::Ruby(error) => error,
        Fault::Host(error) => of_host(ruby, &error),
    })
}

/// A `TaskerCore::Errors::ClientError`, of the class for its code.
fn of_host(ruby: &Ruby, error: &host::Error) -> Error {
    let fields = json_of(ruby, error.view());
    let raised = fields
        .and_then(|fields: Value| tasker_core(ruby, "Errors")?.funcall::<_, _, Exception>("client_error", (fields,)));
    raised.map_or_else(|error| error, Error::from)
}
