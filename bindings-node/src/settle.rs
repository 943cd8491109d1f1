//! Promises that are settled from threads of Rust.

use std::thread;

use napi::{
    Env, JsDeferred,
    bindgen_prelude::{Object, Result, ToNapiValue},
};
use tasker_worker::host::{self, catch, refused};

use crate::thrown;

/// Makes the value on JavaScript's own thread.
type Resolver<T> = Box<dyn FnOnce(Env) -> Result<T> + Send>;

/// The duty to settle a promise. Dropped without an answer it rejects: a promise that is never settled keeps the process
/// alive.
pub(crate) struct Promised<T: ToNapiValue + 'static>(Option<JsDeferred<T, Resolver<T>>>);

impl<T: ToNapiValue + 'static> Promised<T> {
    pub(crate) fn new(env: &Env) -> Result<(Self, Object<'_>)> {
        let (deferred, promise) = env.create_deferred()?;
        Ok((Self(Some(deferred)), promise))
    }

    pub(crate) fn settle(mut self, ended: host::Result<impl FnOnce(Env) -> Result<T> + Send + 'static>) {
        let Some(deferred) = self.0.take() else { return };
        match ended {
            Ok(resolver) => deferred.resolve(Box::new(resolver)),
            Err(error) => deferred.reject(thrown(&error)),
        }
    }
}

impl<T: ToNapiValue + 'static> Drop for Promised<T> {
    fn drop(&mut self) {
        if let Some(deferred) = self.0.take() {
            deferred.reject(thrown(&refused("closed", "it was closed meanwhile", "make another one")));
        }
    }
}

/// Does what may wait on a thread of its own, and settles the promise with what it ends with.
pub(crate) fn apart<T, R>(promised: Promised<T>, action: impl FnOnce() -> host::Result<R> + Send + 'static)
where
    T: ToNapiValue + 'static,
    R: FnOnce(Env) -> Result<T> + Send + 'static,
{
    // Where no thread can be had, the promise is dropped, which settles it.
    drop(thread::Builder::new().name("tasker-call".to_owned()).spawn(move || promised.settle(catch(action))));
}
