use std::time::Duration;

use pyo3::prelude::*;
use tasker_worker::host::{self, HostConfig, Pending, WorkerConfig};

use crate::{
    raised,
    value::{Refused, from_json, to_json},
    worker::Worker,
};

/// Between two looks at Python's signals while a thread waits in Rust.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// An engine in this process, or a connection to a server.
#[pyclass(frozen, module = "tasker_core._native")]
pub(crate) struct Host(host::Host);

#[pymethods]
impl Host {
    /// `config` is the JSON text of a host's configuration.
    #[new]
    fn new(py: Python<'_>, config: &str) -> PyResult<Self> {
        let started = py.detach(|| HostConfig::parse(config).and_then(|config| host::Host::start(&config)));
        started.map(Self).map_err(|error| raised(&error))
    }

    /// Does what a method's name says, and waits for the answer; a signal that Python raises for ends the wait.
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        params: &Bound<'py, PyAny>,
        default: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let params = to_json(params, default).map_err(|refused: Refused| refused.raised("the parameters"))?;
        let pending = self.0.call_here(method, params).map_err(|error| raised(&error))?;
        from_json(py, &wait(py, &pending)?)
    }

    /// Begins a call; `done` is called with None and the JSON text of the answer, or with an exception and None, on a thread
    /// of the host.
    fn call_then(
        &self,
        method: &str,
        params: &Bound<'_, PyAny>,
        default: &Bound<'_, PyAny>,
        done: Py<PyAny>,
    ) -> PyResult<()> {
        let params = to_json(params, default).map_err(|refused: Refused| refused.raised("the parameters"))?;
        let finish = move |answer: host::Result<_>| {
            // None when the interpreter is at its end: then nobody waits either.
            Python::try_attach(|py| {
                let told = match answer {
                    Ok(json) => done.call1(py, (None::<PyErr>, Some(tasker_text(&json)))),
                    Err(error) => done.call1(py, (Some(raised(&error)), None::<String>)),
                };
                if let Err(error) = told {
                    error.write_unraisable(py, None);
                }
            });
        };
        self.0.call_then(method, params, finish).map_err(|error| raised(&error))
    }

    /// What the host logged: level, target, message and fields; none within `timeout` seconds. Raises when it is closed.
    fn next_log(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<LogLine>> {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(SLICE);
        let record = py.detach(|| self.0.next_log(timeout)).map_err(|error| raised(&error))?;
        Ok(record.map(|record| (record.level.as_str(), record.target, record.message, record.fields)))
    }

    /// `config` is the JSON text of a worker's configuration.
    fn start_worker(&self, py: Python<'_>, config: &str) -> PyResult<Worker> {
        let started = py.detach(|| WorkerConfig::parse(config).and_then(|config| self.0.start_worker(&config)));
        started.map(Worker::new).map_err(|error| raised(&error))
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

type LogLine = (&'static str, String, String, Vec<(String, String)>);

fn tasker_text(json: &tasker_worker::protocol::Json) -> String {
    json.as_str().to_owned()
}

/// Waits for the end of what is pending, and for Python's signals.
pub(crate) fn wait<T: Send + 'static>(py: Python<'_>, pending: &Pending<T>) -> PyResult<T> {
    loop {
        if let Some(ended) = py.detach(|| pending.wait(SLICE)) {
            return ended.map_err(|error| raised(&error));
        }
        py.check_signals()?;
    }
}
