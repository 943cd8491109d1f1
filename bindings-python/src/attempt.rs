use std::{
    sync::{Mutex, PoisonError},
    thread::{self, ThreadId},
};

use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};
use tasker_worker::{
    host,
    protocol::{Assignment, DomainEvent, ErrorKind, Json, Lease, Outcome, StepError},
};

use crate::{
    raised,
    value::{Refused, from_json, to_json},
};

/// One attempt of one step in the hands of Python. Collected without an answer it counts as abandoned.
#[pyclass(frozen, module = "tasker_core._native")]
pub(crate) struct Attempt {
    /// None once it is answered.
    held: Mutex<Option<host::Attempt>>,
    assignment: Assignment,
    /// The thread that polls again as soon as the attempt is answered.
    polling: Option<ThreadId>,
}

impl Attempt {
    /// The attempt, whose handler begins now; `polling` is the thread that runs it and then polls again.
    pub(crate) fn begin(mut held: host::Attempt, polling: Option<ThreadId>) -> host::Result<Self> {
        held.begin()?;
        Ok(Self { assignment: held.assignment().clone(), held: Mutex::new(Some(held)), polling })
    }

    pub(crate) fn lease(&self) -> Lease {
        self.assignment.lease
    }

    /// The second answer of an attempt is dropped.
    fn report(&self, py: Python<'_>, outcome: Outcome) -> PyResult<()> {
        let Some(held) = self.held.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let answered = if self.polling == Some(thread::current().id()) {
            held.leave(outcome)
        } else {
            py.detach(|| held.report(outcome))
        };
        answered.map_err(|error| raised(&error))
    }
}

#[pymethods]
impl Attempt {
    #[getter]
    fn task_uuid(&self) -> String {
        self.assignment.lease.task_id.to_string()
    }

    #[getter]
    fn step_uuid(&self) -> String {
        self.assignment.step_uuid.to_string()
    }

    #[getter]
    fn step_name(&self) -> &str {
        &self.assignment.step
    }

    #[getter]
    fn namespace(&self) -> &str {
        &self.assignment.namespace
    }

    #[getter]
    fn template_name(&self) -> &str {
        &self.assignment.template
    }

    #[getter]
    fn template_version(&self) -> &str {
        &self.assignment.version
    }

    #[getter]
    fn callable(&self) -> &str {
        &self.assignment.handler.callable
    }

    #[getter]
    fn method(&self) -> Option<&str> {
        self.assignment.handler.method.as_deref()
    }

    #[getter]
    fn attempt(&self) -> u32 {
        self.assignment.lease.attempt
    }

    #[getter]
    fn failures(&self) -> u32 {
        self.assignment.failures
    }

    #[getter]
    fn max_attempts(&self) -> u32 {
        self.assignment.max_attempts
    }

    #[getter]
    fn timeout_ms(&self) -> Option<u64> {
        self.assignment.timeout_ms
    }

    #[getter]
    fn correlation_id(&self) -> Option<&str> {
        self.assignment.correlation_id.as_deref()
    }

    /// What tells this attempt from every other of its worker.
    #[getter]
    fn lease_key(&self) -> (String, u32, u32) {
        lease_key(self.lease())
    }

    /// The task's input, made anew by each call.
    fn input<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(py, &self.assignment.input)
    }

    /// `handler.initialization` of the template, made anew by each call; none without one.
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.assignment.handler.config.as_ref().map(|config| from_json(py, config)).transpose()
    }

    /// The results of the steps before this one, made anew by each call.
    fn results<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let results = PyDict::new(py);
        for (step, result) in &self.assignment.results {
            results.set_item(step.as_ref(), from_json(py, result)?)?;
        }
        Ok(results)
    }

    fn is_cancelled(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_none_or(host::Attempt::is_cancelled)
    }

    /// Which part of a batch this is; none outside of one.
    fn batch<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.assignment.batch.as_ref().map(|batch| described(py, batch)).transpose()
    }

    /// What an earlier attempt has stored.
    fn last_checkpoint<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.assignment.checkpoint.as_ref().map(|checkpoint| described(py, checkpoint)).transpose()
    }

    /// The step of another task that waits for the end of this one.
    fn parent<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.assignment.parent.as_ref().map(|parent| described(py, parent)).transpose()
    }

    /// How the task ends; none in a step that runs before that is known.
    fn ending<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.assignment.ending.as_ref().map(|ending| described(py, ending.as_ref())).transpose()
    }

    /// The trace that the task belongs to, by the names of headers.
    fn trace_context<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.assignment.trace_context.as_ref().map(|trace| described(py, trace)).transpose()
    }

    /// The handler returned `value`; `next` is what a decision or a batchable step says, `events` what it published. A value
    /// that has no JSON form is the failure that says so. What `metadata` holds without a JSON form is left out.
    #[pyo3(signature = (value, default, next=None, events=Vec::new(), metadata=None))]
    fn succeed(
        &self,
        value: &Bound<'_, PyAny>,
        default: &Bound<'_, PyAny>,
        next: Option<Bound<'_, PyAny>>,
        events: Vec<(String, Bound<'_, PyAny>)>,
        metadata: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let mut outcome = succeeded(value, default, next.as_ref(), &events).or_else(|refused| match refused {
            Refused::Fault(fault) => Ok(Outcome::failed(fault.into_step_error())),
            Refused::Raised(error) => Err(error),
        })?;
        if let Outcome::Succeeded { metadata: kept, .. } = &mut outcome {
            *kept = extra(metadata, default, "the metadata");
        }
        self.report(value.py(), outcome)
    }

    /// The handler failed; `kind` is `retryable`, `permanent` or `timeout`. What `context` and `events` hold without a JSON
    /// form is left out.
    #[expect(clippy::too_many_arguments, reason = "the fields of one error, named by the caller")]
    #[pyo3(signature = (kind, code, message, default, *, error_type=None, retry_after_ms=None, backtrace=None, context=None, events=Vec::new()))]
    fn fail(
        &self,
        py: Python<'_>,
        kind: &str,
        code: String,
        message: String,
        default: &Bound<'_, PyAny>,
        error_type: Option<String>,
        retry_after_ms: Option<u64>,
        backtrace: Option<String>,
        context: Option<Bound<'_, PyAny>>,
        events: Vec<(String, Bound<'_, PyAny>)>,
    ) -> PyResult<()> {
        let kind = match kind {
            "permanent" => ErrorKind::Permanent,
            "timeout" => ErrorKind::Timeout,
            _ => ErrorKind::Retryable,
        };
        let mut error = StepError::new(kind, code, message);
        error.error_type = error_type.map(Into::into);
        error.retry_after_ms = retry_after_ms;
        error.backtrace = backtrace;
        error.context = extra(context, default, "the context");
        let events = published(&events, default).unwrap_or_default();
        self.report(py, Outcome::Failed { error, events })
    }

    /// The outcome is unknown, and nobody wants it any more: the slot is free again.
    fn abandon(&self, py: Python<'_>) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(held));
    }
}

pub(crate) fn lease_key(lease: Lease) -> (String, u32, u32) {
    (lease.task_id.to_string(), lease.step_idx, lease.attempt)
}

fn succeeded(
    value: &Bound<'_, PyAny>,
    default: &Bound<'_, PyAny>,
    next: Option<&Bound<'_, PyAny>>,
    events: &[(String, Bound<'_, PyAny>)],
) -> Result<Outcome, Refused> {
    let result = to_json(value, default)?;
    let next = match next.map(|next| to_json(next, default)).transpose()?.map(|next| next.to()) {
        None => None,
        Some(Ok(next)) => Some(next),
        Some(Err(error)) => {
            let message = format!("what the step says about the next ones cannot be read: {error}");
            return Ok(Outcome::failed(StepError::permanent("next_invalid", message)));
        }
    };
    Ok(Outcome::Succeeded { result, next, events: published(events, default)?, metadata: None })
}

/// What is kept with an outcome; without a JSON form, the reason.
fn extra(value: Option<Bound<'_, PyAny>>, default: &Bound<'_, PyAny>, what: &str) -> Option<Box<serde_json::Value>> {
    Some(Box::new(match to_json(&value?, default) {
        Ok(json) => json.to_value(),
        Err(Refused::Fault(fault)) => serde_json::json!({"left_out": fault.into_error(what).message()}),
        Err(Refused::Raised(error)) => serde_json::json!({"left_out": error.to_string()}),
    }))
}

fn published(events: &[(String, Bound<'_, PyAny>)], default: &Bound<'_, PyAny>) -> Result<Vec<DomainEvent>, Refused> {
    let event = |(name, payload): &(String, Bound<'_, PyAny>)| {
        Ok(DomainEvent { name: name.clone(), payload: to_json(payload, default)? })
    };
    events.iter().map(event).collect()
}

/// A part of the protocol as Python sees it: dictionaries of the protocol's names.
fn described<'py, T: serde::Serialize>(py: Python<'py>, part: &T) -> PyResult<Bound<'py, PyAny>> {
    let json = Json::of(part).map_err(|error| PyValueError::new_err(error.to_string()))?;
    from_json(py, &json)
}
