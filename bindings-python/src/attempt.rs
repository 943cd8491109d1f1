use pyo3::prelude::*;
use tasker_worker::{
    host::{self, outcome},
    protocol::Lease,
};

use crate::{
    Result,
    host::wait,
    value::{Objects, Values, to_json},
};

/// One attempt of one step in the hands of Python. Collected without an answer it counts as abandoned.
#[pyclass(frozen, module = "tasker_core._native")]
pub(crate) struct Attempt(pub(crate) host::Attempt);

type Any<'py> = Bound<'py, PyAny>;

#[pymethods]
impl Attempt {
    /// What tells this attempt from every other of its worker.
    #[getter]
    fn lease_key(&self) -> LeaseKey {
        lease_key(self.0.lease())
    }

    #[getter]
    fn handler_name(&self) -> &str {
        &self.0.assignment().handler.callable
    }

    /// What every context says, by its names.
    fn about<'py>(&self, py: Python<'py>) -> PyResult<Any<'py>> {
        self.0.about(&Objects(py))
    }

    /// `input`, `config`, `batch`, `checkpoint`, `parent`, `ending` or `trace_context`, made anew by each call; None without.
    fn part<'py>(&self, py: Python<'py>, name: &str) -> Result<Option<Any<'py>>> {
        Ok(self.0.part(name, &Objects(py))?)
    }

    /// The results of the steps before this one, made anew by each call.
    fn results<'py>(&self, py: Python<'py>) -> Result<Any<'py>> {
        self.0.results(&Objects(py))
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// The handler has ended with `result`; `rest` is what else there is to say, as an outcome of the protocol. A second
    /// answer is dropped.
    #[pyo3(signature = (result, default, rest=None))]
    fn answer(&self, result: &Any<'_>, default: &Any<'_>, rest: Option<&Any<'_>>) -> Result<()> {
        Ok(self.0.answer(outcome(&Values(default), result, rest)?)?)
    }

    /// The outcome is unknown, and nobody wants it any more: the slot is free again.
    fn abandon(&self) {
        self.0.abandon();
    }

    /// Says that the handler is alive, and perhaps how far it has come. False when its outcome is not wanted.
    fn heartbeat(&self, progress: Option<&Any<'_>>, default: &Any<'_>) -> Result<bool> {
        let progress = progress.map(|progress| to_json(progress, default, "the progress")).transpose()?;
        Ok(self.0.heartbeat(progress)?)
    }

    /// Stores how far it has come, as a checkpoint of the protocol, and waits until that is done.
    fn checkpoint(&self, py: Python<'_>, checkpoint: &Any<'_>, default: &Any<'_>) -> Result<()> {
        wait(py, &self.0.checkpoint(&to_json(checkpoint, default, "the checkpoint")?)?)
    }
}

pub(crate) type LeaseKey = (String, u32, u32);

pub(crate) fn lease_key(lease: Lease) -> LeaseKey {
    (lease.task_id.to_string(), lease.step_idx, lease.attempt)
}
