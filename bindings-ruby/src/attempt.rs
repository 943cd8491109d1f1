use std::sync::{Arc, Mutex, PoisonError};

use magnus::{Error, Ruby, Value, prelude::*};
use serde::Serialize;
use tasker_worker::{
    host,
    protocol::{Assignment, Checkpoint, Outcome},
};

use crate::{fault, host::wait_for, read, write};

/// `TaskerCore::Native::Attempt`: what a handler can ask about its attempt. Values are made when they are asked for.
#[magnus::wrap(class = "TaskerCore::Native::Attempt", free_immediately)]
pub(crate) struct Attempt {
    assignment: Assignment,
    held: Held,
    worker: Arc<host::Worker>,
}

/// None once the attempt is answered, or its handler was left otherwise.
type Held = Arc<Mutex<Option<host::Attempt>>>;

/// Stays in the frame that runs the handler: when that is left without an outcome, the attempt counts as abandoned, however
/// long Ruby keeps the object.
pub(crate) struct Guard(Held);

impl Attempt {
    pub(crate) fn new(attempt: host::Attempt, worker: &Arc<host::Worker>) -> (Self, Guard) {
        let assignment = attempt.assignment().clone();
        let held = Arc::new(Mutex::new(Some(attempt)));
        (Self { assignment, held: Arc::clone(&held), worker: Arc::clone(worker) }, Guard(held))
    }

    pub(crate) fn task_id(&self) -> String {
        self.assignment.lease.task_id.to_string()
    }

    pub(crate) fn step_uuid(&self) -> String {
        self.assignment.step_uuid.to_string()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.assignment.lease.attempt
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.assignment.namespace
    }

    pub(crate) fn template(&self) -> &str {
        &self.assignment.template
    }

    pub(crate) fn version(&self) -> &str {
        &self.assignment.version
    }

    pub(crate) fn step(&self) -> &str {
        &self.assignment.step
    }

    pub(crate) fn callable(&self) -> &str {
        &self.assignment.handler.callable
    }

    pub(crate) fn handler_method(&self) -> Option<&str> {
        self.assignment.handler.method.as_deref()
    }

    pub(crate) fn failures(&self) -> u32 {
        self.assignment.failures
    }

    pub(crate) fn max_attempts(&self) -> u32 {
        self.assignment.max_attempts
    }

    pub(crate) fn timeout_ms(&self) -> Option<u64> {
        self.assignment.timeout_ms
    }

    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.assignment.correlation_id.as_deref()
    }

    pub(crate) fn config(ruby: &Ruby, attempt: &Self) -> Result<Option<Value>, Error> {
        attempt.assignment.handler.config.as_ref().map(|config| read::read(ruby, config.as_str())).transpose()
    }

    pub(crate) fn input(ruby: &Ruby, attempt: &Self) -> Result<Value, Error> {
        read::read(ruby, attempt.assignment.input.as_str())
    }

    /// Which part of a batch this is; nil in steps that are not split.
    pub(crate) fn batch(ruby: &Ruby, attempt: &Self) -> Result<Option<Value>, Error> {
        optional(ruby, attempt.assignment.batch.as_ref())
    }

    /// What an earlier attempt has stored; nil if nothing.
    pub(crate) fn checkpoint(ruby: &Ruby, attempt: &Self) -> Result<Option<Value>, Error> {
        optional(ruby, attempt.assignment.checkpoint.as_ref())
    }

    /// The step that waits for the end of this task; nil if there is none.
    pub(crate) fn parent(ruby: &Ruby, attempt: &Self) -> Result<Option<Value>, Error> {
        optional(ruby, attempt.assignment.parent.as_ref())
    }

    /// How the task ends; nil in a step that runs before that is known.
    pub(crate) fn ending(ruby: &Ruby, attempt: &Self) -> Result<Option<Value>, Error> {
        optional(ruby, attempt.assignment.ending.as_deref())
    }

    /// The trace that the task belongs to, by the names of headers; nil without one.
    pub(crate) fn trace_context(ruby: &Ruby, attempt: &Self) -> Result<Option<Value>, Error> {
        optional(ruby, attempt.assignment.trace_context.as_ref())
    }

    /// Nil for a step that has no result.
    pub(crate) fn result(ruby: &Ruby, attempt: &Self, step: String) -> Result<Option<Value>, Error> {
        let result = attempt.assignment.results.get(step.as_str());
        result.map(|result| read::read(ruby, result.as_str())).transpose()
    }

    pub(crate) fn result_names(ruby: &Ruby, attempt: &Self) -> Value {
        ruby.ary_from_iter(attempt.assignment.results.keys().map(|name| name.as_ref())).as_value()
    }

    /// True also when the attempt has been answered.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(host::Attempt::is_cancelled)
    }

    /// Stores how far it has come: a Hash of what a checkpoint of the protocol has.
    pub(crate) fn store_checkpoint(ruby: &Ruby, attempt: &Self, checkpoint: Value) -> Result<(), Error> {
        fault::guard(ruby, || {
            let checkpoint: Checkpoint = write::write(ruby, checkpoint, "the checkpoint")?
                .to()
                .map_err(|error| Error::new(ruby.exception_arg_error(), format!("the checkpoint: {error}")))?;
            let pending = attempt.worker.checkpoint(attempt.assignment.lease, checkpoint);
            wait_for(ruby, &pending.map_err(|error| fault::of_host(ruby, &error))?)
        })
    }

    /// False when the outcome is no longer wanted.
    pub(crate) fn heartbeat(ruby: &Ruby, attempt: &Self, progress: Value) -> Result<bool, Error> {
        fault::guard(ruby, || {
            let progress = if progress.is_nil() { None } else { Some(write::write(ruby, progress, "the progress")?) };
            let wanted = attempt.worker.heartbeat(attempt.assignment.lease, progress);
            wanted.map_err(|error| fault::of_host(ruby, &error))
        })
    }
}

fn optional<T: Serialize>(ruby: &Ruby, value: Option<&T>) -> Result<Option<Value>, Error> {
    let Some(value) = value else { return Ok(None) };
    let json =
        serde_json::to_string(value).map_err(|error| Error::new(ruby.exception_arg_error(), error.to_string()))?;
    read::read(ruby, &json).map(Some)
}

impl Guard {
    /// The thread goes on to poll.
    pub(crate) fn report(self, outcome: Outcome) -> host::Result<()> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.map_or(Ok(()), |held| held.leave(outcome))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
