use std::{
    io::{ErrorKind, Write},
    os::{fd::IntoRawFd, unix::net::UnixStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use pyo3::prelude::*;
use tasker_worker::{
    host::{self, Work, catch},
    protocol::Checkpoint,
    runtime::Interrupt,
};

use crate::{
    attempt::{Attempt, lease_key},
    host::wait,
    raised,
    value::to_json,
};

/// A wait in Rust is cut into pieces, so that a thread sees in time that the interpreter ends.
const POLL: Duration = Duration::from_millis(200);
/// Attempts that a thread runs before others get the interpreter, if there is no pause between them.
const RUN_ON_MAX: usize = 16;

/// Where Python's threads, or its event loop, take work.
#[pyclass(frozen, module = "tasker_core._native")]
pub(crate) struct Worker {
    worker: host::Worker,
    interrupt: Interrupt,
    /// Threads that wait for work.
    idle: AtomicUsize,
}

impl Worker {
    pub(crate) fn new(worker: host::Worker) -> Self {
        Self { worker, interrupt: Interrupt::new(), idle: AtomicUsize::new(0) }
    }

    fn next(&self, py: Python<'_>, run_on: &mut usize) -> host::Result<Option<Work>> {
        if *run_on < RUN_ON_MAX
            && let Some(work) = self.worker.poll_ready(1)?.pop()
        {
            *run_on += 1;
            return Ok(Some(work));
        }
        *run_on = 0;
        self.idle.fetch_add(1, Ordering::Relaxed);
        let polled = py.detach(|| catch(|| self.worker.poll(POLL, &self.interrupt)));
        self.idle.fetch_sub(1, Ordering::Relaxed);
        polled
    }
}

/// Outcomes that a thread has left for its next poll, however it ends.
struct Left<'a>(&'a host::Worker);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        // In a forked child there is nobody to send them to.
        drop(self.0.send());
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
    ) -> PyResult<()> {
        let (mut run_on, thread) = (0, thread::current().id());
        let _outcomes = Left(&self.worker);
        loop {
            match self.next(py, &mut run_on).map_err(|error| raised(&error))? {
                Some(Work::Run(held)) => {
                    let attempt = Attempt::begin(held, Some(thread)).map_err(|error| raised(&error))?;
                    if self.idle.load(Ordering::Relaxed) == 0 {
                        grow.call0()?;
                    }
                    run.call1((attempt,))?;
                }
                Some(Work::Cancel(lease)) => drop(cancel.call1((lease_key(lease),))?),
                Some(Work::End) => return Ok(()),
                None if self.interrupt.is_set() => return Ok(()),
                None => {}
            }
        }
    }

    /// Up to `max` things to do that are there: attempts, leases to stop as tuples, and None for the end.
    fn take(&self, py: Python<'_>, max: usize) -> PyResult<Vec<Py<PyAny>>> {
        let work = self.worker.poll_ready(max).map_err(|error| raised(&error))?;
        let mut taken = Vec::with_capacity(work.len());
        for one in work {
            taken.push(match one {
                Work::Run(held) => {
                    let attempt = Attempt::begin(held, None).map_err(|error| raised(&error))?;
                    Py::new(py, attempt)?.into_any()
                }
                Work::Cancel(lease) => lease_key(lease).into_pyobject(py)?.into_any().unbind(),
                Work::End => py.None(),
            });
        }
        Ok(taken)
    }

    /// A file descriptor, owned by the caller, that becomes readable whenever there is something to take.
    fn wake_fd(&self) -> PyResult<i32> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let wake = move || {
            // A full pipe has woken its reader already; one without a reader wakes nobody.
            let written = (&writer).write(&[1]);
            debug_assert!(!matches!(&written, Err(error) if error.kind() == ErrorKind::InvalidInput));
        };
        self.worker.set_wake(wake).map_err(|error| raised(&error))?;
        Ok(reader.into_raw_fd())
    }

    /// Says that a handler is alive, and perhaps how far it has come. False when its outcome is not wanted.
    fn heartbeat(
        &self,
        attempt: &Attempt,
        progress: Option<Bound<'_, PyAny>>,
        default: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let progress = progress.map(|progress| to_json(&progress, default)).transpose();
        let progress = progress.map_err(|refused| refused.raised("the progress"))?;
        self.worker.heartbeat(attempt.lease(), progress).map_err(|error| raised(&error))
    }

    /// Stores how far an attempt has come, and waits until that is done.
    fn checkpoint(
        &self,
        attempt: &Attempt,
        cursor: &Bound<'_, PyAny>,
        accumulated: Option<Bound<'_, PyAny>>,
        items_processed: u64,
        default: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let write =
            |value: &Bound<'_, PyAny>| to_json(value, default).map_err(|refused| refused.raised("the checkpoint"));
        let accumulated_results = accumulated.as_ref().map(write).transpose()?;
        let checkpoint = Checkpoint { cursor: write(cursor)?, accumulated_results, items_processed };
        let pending = self.worker.checkpoint(attempt.lease(), checkpoint).map_err(|error| raised(&error))?;
        wait(cursor.py(), &pending)
    }

    /// Drains for at most `grace` seconds and says how many attempts and outcomes were left over.
    fn shutdown(&self, py: Python<'_>, grace: f64) -> PyResult<(usize, usize)> {
        let grace = Duration::try_from_secs_f64(grace).unwrap_or_default();
        let pending = self.worker.shutdown(grace).map_err(|error| raised(&error))?;
        let drained = wait(py, &pending)?;
        Ok((drained.abandoned, drained.undelivered))
    }

    /// Attempts that run, and outcomes that are not delivered yet.
    fn stats(&self) -> PyResult<(usize, usize)> {
        let stats = self.worker.stats().map_err(|error| raised(&error))?;
        Ok((stats.running, stats.outcomes))
    }

    #[getter]
    fn worker_id(&self) -> PyResult<String> {
        self.worker.worker_id().map_err(|error| raised(&error))
    }
}
