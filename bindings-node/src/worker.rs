use std::{sync::Arc, time::Duration};

use napi::{
    Env, Status,
    bindgen_prelude::{Object, Result},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use serde::Deserialize;
use serde_json::value::RawValue;
use tasker_worker::{
    host::{self, Pending, Worker},
    protocol::{Checkpoint, Json, Lease, Outcome, Report, StepError},
};

use crate::{
    or_throw, read,
    settle::{Promised, apart},
};

/// Weak: it does not keep the process alive. It only says that there is work, so one call that waits is enough.
pub(crate) type WakeFunction = ThreadsafeFunction<(), (), (), Status, false, true, 2>;

const LONG: Duration = Duration::from_secs(60);

/// A worker: where JavaScript takes attempts and leaves their outcomes.
#[napi]
pub struct NativeWorker {
    worker: Arc<Worker>,
}

impl NativeWorker {
    pub(crate) fn new(worker: Arc<Worker>, on_work: WakeFunction) -> Result<Self> {
        or_throw(worker.set_wake(move || {
            on_work.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }))?;
        Ok(Self { worker })
    }
}

#[napi]
impl NativeWorker {
    /// Up to `max` things to do, as a JSON list of the protocol's `Polled`; it never waits.
    #[napi(catch_unwind)]
    pub fn take(&self, max: u32) -> Result<String> {
        let taken = or_throw(self.worker.poll_called(max as usize))?;
        let polled: host::Result<Vec<_>> = taken.into_iter().map(|work| work.hand_over()).collect();
        serde_json::to_string(&or_throw(polled)?).map_err(|error| napi::Error::from_reason(error.to_string()))
    }

    /// Takes a JSON list of the protocol's `Report`. Each is read apart, so that one that is no report does not keep the
    /// others out.
    #[napi(catch_unwind)]
    pub fn report(&self, reports: String) -> Result<()> {
        let reports: Vec<TakenReport<'_>> = or_throw(read("the reports", &reports))?;
        let read = reports.into_iter().map(|TakenReport { lease, outcome }| {
            let outcome = serde_json::from_str(outcome.get()).unwrap_or_else(|error| {
                let message = format!("the outcome is not one of the protocol: {error}");
                Outcome::failed(StepError::permanent("result_not_json", message))
            });
            Report { lease, outcome }
        });
        or_throw(self.worker.report(read.collect()))
    }

    /// Says that a handler is alive, and how far it has come (JSON). False when its outcome is no longer wanted.
    #[napi(catch_unwind)]
    pub fn heartbeat(&self, lease: String, progress: Option<String>) -> Result<bool> {
        let lease: Lease = or_throw(read("the lease", &lease))?;
        let progress: Option<Json> = or_throw(progress.as_deref().map(|text| read("the progress", text)).transpose())?;
        or_throw(self.worker.heartbeat(lease, progress))
    }

    /// Stores how far an attempt has come (JSON of the protocol's `Checkpoint`), for the next one to go on from.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn checkpoint<'env>(&self, env: &'env Env, lease: String, checkpoint: String) -> Result<Object<'env>> {
        let lease: Lease = or_throw(read("the lease", &lease))?;
        let checkpoint: Checkpoint = or_throw(read("the checkpoint", &checkpoint))?;
        let storing = or_throw(self.worker.checkpoint(lease, checkpoint))?;
        let (promised, promise) = Promised::new(env)?;
        apart(promised, move || {
            ended(&storing)?;
            Ok(|_| Ok(()))
        });
        Ok(promise)
    }

    /// The id under which operators see this worker.
    #[napi(catch_unwind)]
    pub fn worker_id(&self) -> Result<String> {
        or_throw(self.worker.worker_id())
    }

    /// Stops claiming, lets handlers run on for `grace_ms`, asks those that are left to stop, and reports every outcome.
    /// The answer is a JSON object that counts what was `abandoned` and what is `undelivered`.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn shutdown<'env>(&self, env: &'env Env, grace_ms: u32) -> Result<Object<'env>> {
        let ending = or_throw(self.worker.shutdown(Duration::from_millis(grace_ms.into())))?;
        let (promised, promise) = Promised::new(env)?;
        apart(promised, move || {
            let drained = ended(&ending)?;
            let counts = serde_json::json!({"abandoned": drained.abandoned, "undelivered": drained.undelivered});
            Ok(move |_| Ok(counts.to_string()))
        });
        Ok(promise)
    }
}

/// What something ends with, however long it takes.
fn ended<T: Send + 'static>(pending: &Pending<T>) -> host::Result<T> {
    loop {
        if let Some(ended) = pending.wait(LONG) {
            return ended;
        }
    }
}

/// A report whose outcome is read later.
#[derive(Deserialize)]
struct TakenReport<'a> {
    lease: Lease,
    #[serde(borrow)]
    outcome: &'a RawValue,
}
