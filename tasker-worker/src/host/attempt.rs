use std::{
    sync::{Mutex, PoisonError},
    thread::{self, ThreadId},
};

use serde::Serialize;
use tasker_core::model::{Assignment, Json, Lease, Outcome};
use tokio_util::sync::CancellationToken;

use super::{
    Error, Pending, Result, Worker,
    home::Homed,
    profile::{Build, Scalar, read, read_of},
    refused,
};
use crate::{
    handler::checked,
    protocol::Polled,
    runtime::{Held, Taken},
};

/// What a binding finds to do.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every poll gives the large one")]
pub enum Work {
    /// Run this attempt, and answer it.
    Run(Attempt),
    /// Stop the attempt under this lease; answer or drop it all the same.
    Cancel(Lease),
    /// The worker is drained: stop polling.
    End,
}

impl Work {
    /// `taker` is the thread that polls again once it has answered.
    pub(super) fn new(taken: Taken, worker: &Worker, taker: Option<ThreadId>) -> Self {
        match taken {
            Taken::Run(held) => Self::Run(Attempt::new(held, worker.clone(), taker)),
            Taken::Cancel(lease) => Self::Cancel(lease),
            Taken::End => Self::End,
        }
    }

    /// The form that crosses as text. The guard ends here: the outcome must be reported by its lease, or the slot stays
    /// taken until the worker stops.
    ///
    /// # Errors
    /// `forked`.
    pub fn hand_over(self) -> Result<Polled> {
        match self {
            Self::Run(attempt) => Ok(Polled::Run(attempt.take()?.map_or(attempt.assignment, Held::hand_over))),
            Self::Cancel(lease) => Ok(Polled::Cancel(lease)),
            Self::End => Ok(Polled::End),
        }
    }
}

/// An attempt in the hands of a binding, with the duty to answer it once. Dropped without an answer it counts as abandoned, or
/// as released if its handler had not begun; dropped in a forked child it counts as nothing, since the parent has it.
pub struct Attempt {
    /// None once it is answered.
    held: Homed<Mutex<Option<Held>>>,
    assignment: Assignment,
    cancellation: CancellationToken,
    worker: Worker,
    taker: Option<ThreadId>,
}

impl Attempt {
    fn new(held: Held, worker: Worker, taker: Option<ThreadId>) -> Self {
        let (assignment, cancellation) = (held.assignment().clone(), held.cancellation());
        Self { held: Homed::new(Mutex::new(Some(held))), assignment, cancellation, worker, taker }
    }

    #[must_use]
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    #[must_use]
    pub fn lease(&self) -> Lease {
        self.assignment.lease
    }

    /// Whether the handler should stop: the lease is lost, the attempt timed out or was answered, or the worker stops.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let is_answered = |held: &Mutex<Option<Held>>| held.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        self.cancellation.is_cancelled() || self.held.get().is_ok_and(is_answered)
    }

    /// What a handler's context says of every attempt, by the names that it has there.
    ///
    /// # Errors
    /// When the language cannot make the values.
    pub fn about<B: Build>(&self, build: &B) -> Result<B::Value, B::Error> {
        let Assignment { lease, handler, .. } = &self.assignment;
        let (task_uuid, step_uuid) = (lease.task_id.to_string(), self.assignment.step_uuid.to_string());
        let facts = [
            ("task_uuid", Scalar::text(task_uuid)),
            ("step_uuid", Scalar::text(step_uuid)),
            ("step_name", Scalar::text(&*self.assignment.step)),
            ("namespace", Scalar::text(&*self.assignment.namespace)),
            ("template_name", Scalar::text(&*self.assignment.template)),
            ("template_version", Scalar::text(&*self.assignment.version)),
            ("handler_name", Scalar::text(&*handler.callable)),
            ("method", Scalar::optional(handler.method.as_deref())),
            ("attempt", Scalar::Int(lease.attempt.into())),
            ("retry_count", Scalar::Int(self.assignment.failures.into())),
            ("max_retries", Scalar::Int(self.assignment.max_attempts.into())),
            ("correlation_id", Scalar::optional(self.assignment.correlation_id.as_deref())),
        ];
        let mut about = build.object()?;
        for (name, fact) in facts {
            build.put(&mut about, name, build.scalar(fact)?)?;
        }
        build.end_object(about)
    }

    /// What only some handlers ask for, made anew by each call: `input`, `config`, `batch`, `checkpoint`, `parent`, `ending`
    /// or `trace_context`, as the protocol has it. None where the attempt has no such part.
    ///
    /// # Errors
    /// `json_unreadable` when the language cannot make the value.
    pub fn part<B: Build>(&self, name: &str, build: &B) -> Result<Option<B::Value>> {
        let Assignment { handler, input, batch, checkpoint, parent, ending, trace_context, .. } = &self.assignment;
        match name {
            "input" => read(input.as_str(), build).map(Some),
            "config" => handler.config.as_ref().map(|config| read(config.as_str(), build)).transpose(),
            "batch" => value_of(batch.as_ref(), build),
            "checkpoint" => value_of(checkpoint.as_ref(), build),
            "parent" => value_of(parent.as_ref(), build),
            "ending" => value_of(ending.as_ref(), build),
            "trace_context" => value_of(trace_context.as_ref(), build),
            _ => Ok(None),
        }
    }

    /// The results of the steps before this one, by their names, made anew by each call.
    ///
    /// # Errors
    /// What the language raises; or that it cannot make a value, as `json_unreadable`.
    pub fn results<B: Build, R: From<Error> + From<B::Error>>(&self, build: &B) -> Result<B::Value, R> {
        let mut results = build.object()?;
        for (step, result) in &self.assignment.results {
            build.put(&mut results, step, read(result.as_str(), build)?)?;
        }
        Ok(build.end_object(results)?)
    }

    /// The handler begins now: its timeout counts from here.
    ///
    /// # Errors
    /// `forked`.
    pub fn begin(&self) -> Result<()> {
        if let Some(held) = &mut *self.held.get()?.lock().unwrap_or_else(PoisonError::into_inner) {
            held.begin();
        }
        Ok(())
    }

    /// The handler has ended. Returns at once; a second answer is dropped, and so is an outcome that is no longer wanted. A
    /// result over the limit of its size becomes a permanent failure `result_too_large`.
    ///
    /// # Errors
    /// `forked`.
    pub fn answer(&self, outcome: Outcome) -> Result<()> {
        let Some(held) = self.take()? else { return Ok(()) };
        if self.taker == Some(thread::current().id()) {
            held.leave(checked(outcome));
        } else {
            held.report(checked(outcome));
        }
        Ok(())
    }

    /// The outcome is unknown, and nobody waits for it any more: the slot is free again.
    pub fn abandon(&self) {
        // In a forked child it is the parent's.
        drop(self.take());
    }

    /// Back to the other threads of this worker, for one that was interrupted before its handler began.
    ///
    /// # Errors
    /// `forked`.
    pub fn put_back(self) -> Result<()> {
        if let Some(held) = self.take()? {
            held.put_back();
        }
        Ok(())
    }

    /// Says that the handler is alive, and perhaps how far it has come. False when its outcome is no longer wanted.
    ///
    /// # Errors
    /// `forked`.
    pub fn heartbeat(&self, progress: Option<Json>) -> Result<bool> {
        self.worker.heartbeat(self.lease(), progress)
    }

    /// Stores how far it has come, as the JSON of the protocol's `Checkpoint`.
    ///
    /// # Errors
    /// `params_invalid` for another JSON, and those of [`Worker::checkpoint`].
    pub fn checkpoint(&self, checkpoint: &Json) -> Result<Pending<()>> {
        let remedy = "give it a cursor, and perhaps what was gathered and how many items were done";
        let checkpoint =
            checkpoint.to().map_err(|error| refused("params_invalid", format!("the checkpoint: {error}"), remedy))?;
        self.worker.checkpoint(self.lease(), checkpoint)
    }

    fn take(&self) -> Result<Option<Held>> {
        Ok(self.held.get()?.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

fn value_of<T: Serialize, B: Build>(part: Option<&T>, build: &B) -> Result<Option<B::Value>> {
    part.map(|part| read_of(part, build)).transpose()
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt").field("assignment", &self.assignment).finish_non_exhaustive()
    }
}
