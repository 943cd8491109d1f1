use std::time::Duration;

use pyo3::prelude::*;
use tasker_worker::{
    host::{self, HostConfig, Pending, WorkerConfig},
    protocol::Json,
};

use crate::{
    Result,
    raised::Raised,
    value::{loads, to_json},
    worker::Worker,
};

/// Between two looks at Python's signals while a thread waits in Rust.
const SLICE: Duration = Duration::from_millis(100);

/// An engine in this process, or a connection to a server.
#[pyclass(frozen, module = "tasker_core._native")]
pub(crate) struct Host(host::Host);

#[pymethods]
impl Host {
    /// `config` is the JSON text of a host's configuration.
    #[new]
    fn new(py: Python<'_>, config: &str) -> Result<Self> {
        Ok(Self(py.detach(|| host::Host::start(&HostConfig::parse(config)?))?))
    }

    /// Does what a method's name says, and waits for the answer; a signal that Python raises for ends the wait.
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        params: &Bound<'py, PyAny>,
        default: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        let pending = self.0.call_here(method, to_json(params, default, "the parameters")?)?;
        loads(py, wait(py, &pending)?.as_str())
    }

    /// Begins a call; `done` is called with None and the JSON text of the answer, or with an exception and None, on a thread
    /// of the host.
    fn call_then(
        &self,
        method: &str,
        params: &Bound<'_, PyAny>,
        default: &Bound<'_, PyAny>,
        done: Py<PyAny>,
    ) -> Result<()> {
        let finish = move |answer: host::Result<Json>| {
            // None when the interpreter is at its end: then nobody waits either.
            Python::try_attach(|py| {
                let told = match answer {
                    Ok(json) => done.call1(py, (None::<PyErr>, Some(json.as_str()))),
                    Err(error) => done.call1(py, (Some(PyErr::from(Raised::from(error))), None::<&str>)),
                };
                if let Err(error) = told {
                    error.write_unraisable(py, None);
                }
            });
        };
        Ok(self.0.call_then(method, to_json(params, default, "the parameters")?, finish)?)
    }

    /// What the host logged: level, target, message and fields; none within `timeout` seconds. Raises when it is closed.
    fn next_log(&self, py: Python<'_>, timeout: f64) -> Result<Option<LogLine>> {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(SLICE);
        let record = py.detach(|| self.0.next_log(timeout))?;
        Ok(record.map(|record| (record.level.as_str(), record.target, record.message, record.fields)))
    }

    /// `config` is the JSON text of a worker's configuration.
    fn start_worker(&self, py: Python<'_>, config: &str) -> Result<Worker> {
        Ok(Worker::new(py.detach(|| self.0.start_worker(&WorkerConfig::parse(config)?))?))
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

type LogLine = (&'static str, String, String, Vec<(String, String)>);

/// Waits for the end of what is pending, and for Python's signals.
pub(crate) fn wait<T: Send + 'static>(py: Python<'_>, pending: &Pending<T>) -> Result<T> {
    loop {
        if let Some(ended) = py.detach(|| pending.wait(SLICE)) {
            return Ok(ended?);
        }
        py.check_signals()?;
    }
}
