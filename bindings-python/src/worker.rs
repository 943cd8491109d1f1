use std::{
    io::{ErrorKind, Write},
    os::{fd::IntoRawFd, unix::net::UnixStream},
    time::Duration,
};

use pyo3::prelude::*;
use tasker_worker::{
    host::{self, Taker, Work, catch},
    runtime::Interrupt,
};

use crate::{
    Result,
    attempt::{Attempt, lease_key},
    host::wait,
};

/// A wait in Rust is cut into pieces, so that a thread sees in time that the interpreter ends.
const POLL: Duration = Duration::from_millis(200);
/// Attempts that a thread runs before others get the interpreter, if there is no pause between them.
const RUN_ON_MAX: usize = 16;

/// Where Python's threads, or its event loop, take work.
#[pyclass(frozen, module = "tasker_core._native")]
pub(crate) struct Worker(host::Worker);

impl Worker {
    pub(crate) fn new(worker: host::Worker) -> Self {
        Self(worker)
    }
}

#[pymethods]
impl Worker {
    /// Runs attempts on the calling thread until the worker has ended: `run` is called with each, `cancel` with the lease of
    /// one to stop, and `grow` when no other thread waits for work.
    fn serve(
        &self,
        py: Python<'_>,
        run: &Bound<'_, PyAny>,
        cancel: &Bound<'_, PyAny>,
        grow: &Bound<'_, PyAny>,
    ) -> Result<()> {
        let (taker, mut run_on) = (self.0.taker(), 0);
        loop {
            match next(py, &taker, &mut run_on)? {
                Some(Work::Run(attempt)) => {
                    attempt.begin()?;
                    if self.0.idle() == 0 {
                        grow.call0()?;
                    }
                    run.call1((Attempt(attempt),))?;
                }
                Some(Work::Cancel(lease)) => drop(cancel.call1((lease_key(lease),))?),
                Some(Work::End) => return Ok(()),
                None => {}
            }
        }
    }

    /// Up to `max` things to do that are there: attempts, leases to stop as tuples, and None for the end.
    fn take(&self, py: Python<'_>, max: usize) -> Result<Vec<Py<PyAny>>> {
        let taken = self.0.poll_ready(max)?.into_iter().map(|work| {
            Ok(match work {
                Work::Run(attempt) => {
                    attempt.begin()?;
                    Py::new(py, Attempt(attempt))?.into_any()
                }
                Work::Cancel(lease) => lease_key(lease).into_pyobject(py)?.into_any().unbind(),
                Work::End => py.None(),
            })
        });
        taken.collect()
    }

    /// A file descriptor, owned by the caller, that becomes readable whenever there is something to take.
    fn wake_fd(&self) -> Result<i32> {
        let (reader, writer) = UnixStream::pair().map_err(PyErr::from)?;
        reader.set_nonblocking(true).and(writer.set_nonblocking(true)).map_err(PyErr::from)?;
        let wake = move || {
            // A full pipe has woken its reader already; one without a reader wakes nobody.
            let written = (&writer).write(&[1]);
            debug_assert!(!matches!(&written, Err(error) if error.kind() == ErrorKind::InvalidInput));
        };
        self.0.set_wake(wake)?;
        Ok(reader.into_raw_fd())
    }

    /// Drains for at most `grace` seconds and says how many attempts and outcomes were left over.
    fn shutdown(&self, py: Python<'_>, grace: f64) -> Result<(usize, usize)> {
        let grace = Duration::try_from_secs_f64(grace).unwrap_or_default();
        let drained = wait(py, &self.0.shutdown(grace)?)?;
        Ok((drained.abandoned, drained.undelivered))
    }

    /// Attempts that run, and outcomes that are not delivered yet.
    fn stats(&self) -> Result<(usize, usize)> {
        let stats = self.0.stats()?;
        Ok((stats.running, stats.outcomes))
    }

    #[getter]
    fn worker_id(&self) -> Result<String> {
        Ok(self.0.worker_id()?)
    }
}

fn next(py: Python<'_>, taker: &Taker<'_>, run_on: &mut usize) -> Result<Option<Work>> {
    if *run_on < RUN_ON_MAX
        && let Some(work) = taker.poll_ready()?
    {
        *run_on += 1;
        return Ok(Some(work));
    }
    *run_on = 0;
    Ok(py.detach(|| catch(|| taker.poll(POLL, &Interrupt::new())))?)
}
