//! Errors of Rust as exceptions of Ruby, with all that they know.

use magnus::{Error, Exception, RModule, Ruby, prelude::*};
use tasker_worker::host;

use crate::read;

/// Runs what Ruby calls. A panic becomes an ordinary exception: the `fatal` that magnus makes of it passes every `rescue` and
/// ends the process.
pub(crate) fn guard<T>(ruby: &Ruby, action: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let mut ended = None;
    let caught = host::catch(|| {
        ended = Some(action());
        Ok(())
    });
    match (caught, ended) {
        (Ok(()), Some(ended)) => ended,
        (Err(panic), _) => Err(of_host(ruby, &panic)),
        (Ok(()), None) => Err(Error::new(ruby.exception_runtime_error(), "the call came to no end")),
    }
}

/// A `TaskerCore::Errors::ClientError`.
pub(crate) fn of_host(ruby: &Ruby, error: &host::Error) -> Error {
    let raised = serde_json::to_string(error.view())
        .map_err(|fault| Error::new(ruby.exception_runtime_error(), fault.to_string()))
        .and_then(|text| read::read(ruby, &text))
        .and_then(|fields| tasker_core(ruby, "Errors")?.funcall::<_, _, Exception>("client_error", (fields,)));
    raised.map_or_else(|error| error, Error::from)
}

/// A module within `TaskerCore`.
pub(crate) fn tasker_core(ruby: &Ruby, name: &str) -> Result<RModule, Error> {
    ruby.define_module("TaskerCore")?.const_get(name)
}
