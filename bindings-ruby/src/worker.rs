use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use magnus::{Error, RArray, Ruby, Value, block::Proc, prelude::*};
use tasker_worker::{
    host::{self, Work},
    protocol::{Outcome, StepError},
    runtime::Interrupt,
};

use crate::{attempt::Attempt, fault, gvl, host::wait_for, write};

/// `TaskerCore::Native::Worker`: where Ruby's threads take attempts.
#[magnus::wrap(class = "TaskerCore::Native::Worker", free_immediately)]
pub(crate) struct Worker {
    worker: Arc<host::Worker>,
    /// Threads that wait for work.
    idle: AtomicUsize,
}

impl Worker {
    pub(crate) fn new(worker: host::Worker) -> Self {
        Self { worker: Arc::new(worker), idle: AtomicUsize::new(0) }
    }

    /// `serve(wait_ms, handler)`: runs attempts on this thread until the worker is drained. `handler` is called with an
    /// `Attempt`; [`outcome`] says what it returns. Whatever ends the thread in between (an exception, `throw`,
    /// `Thread#kill`, a panic), the attempt is answered when its frame is left.
    pub(crate) fn serve(ruby: &Ruby, this: &Self, wait_ms: u64, handler: Proc) -> Result<(), Error> {
        fault::guard(ruby, || {
            let _outcomes = Left(&this.worker);
            while let Some(next) = this.next(ruby, Duration::from_millis(wait_ms))? {
                match next {
                    Work::Run(attempt) => this.run(ruby, attempt, handler)?,
                    // Handlers ask their context.
                    Work::Cancel(_) => {}
                    Work::End => break,
                }
            }
            Ok(())
        })
    }

    /// `idle`: threads that wait for work at the moment.
    pub(crate) fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }

    /// `worker_id`
    pub(crate) fn worker_id(ruby: &Ruby, this: &Self) -> Result<String, Error> {
        this.worker.worker_id().map_err(|error| fault::of_host(ruby, &error))
    }

    /// `stats`: a Hash of counts.
    pub(crate) fn stats(ruby: &Ruby, this: &Self) -> Result<Value, Error> {
        let stats = this.worker.stats().map_err(|error| fault::of_host(ruby, &error))?;
        let hash = ruby.hash_new();
        for (name, count) in [
            ("slots", stats.slots),
            ("waiting", stats.waiting),
            ("running", stats.running),
            ("blocked", stats.blocked),
            ("outcomes", stats.outcomes),
        ] {
            hash.aset(name, count)?;
        }
        Ok(hash.as_value())
    }

    /// `shutdown(grace_ms)`: drains; `[abandoned, undelivered]`.
    pub(crate) fn shutdown(ruby: &Ruby, this: &Self, grace_ms: u64) -> Result<(usize, usize), Error> {
        fault::guard(ruby, || {
            let pending = this.worker.shutdown(Duration::from_millis(grace_ms));
            let drained = wait_for(ruby, &pending.map_err(|error| fault::of_host(ruby, &error))?)?;
            Ok((drained.abandoned, drained.undelivered))
        })
    }

    /// The next work, waited for without the lock and without end.
    fn next(&self, ruby: &Ruby, wait: Duration) -> Result<Option<Work>, Error> {
        loop {
            let flag = Interrupt::new();
            self.idle.fetch_add(1, Ordering::Relaxed);
            let polled = gvl::without_gvl(|| self.worker.poll(wait, &flag), || drop(self.worker.interrupt(&flag)));
            self.idle.fetch_sub(1, Ordering::Relaxed);
            let work = polled?.transpose().map_err(|error| fault::of_host(ruby, &error))?.flatten();
            match (work, gvl::check_interrupts()) {
                (Some(work), Ok(())) => return Ok(Some(work)),
                (None, Ok(())) => {}
                (work, Err(interrupt)) => {
                    if let Some(Work::Run(attempt)) = work {
                        drop(attempt.put_back());
                    }
                    return Err(interrupt);
                }
            }
        }
    }

    fn run(&self, ruby: &Ruby, mut attempt: host::Attempt, handler: Proc) -> Result<(), Error> {
        attempt.begin().map_err(|error| fault::of_host(ruby, &error))?;
        let (view, guard) = Attempt::new(attempt, &self.worker);
        let answer: RArray = handler.call((view,))?;
        let outcome = outcome(ruby, answer)?;
        guard.report(outcome).map_err(|error| fault::of_host(ruby, &error))
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

/// What a handler answers: `[result, outcome]`. Without an outcome the step succeeded with that result; else `outcome` is
/// one of the worker protocol, to which the result is still to be added if it is a success.
fn outcome(ruby: &Ruby, answer: RArray) -> Result<Outcome, Error> {
    let (value, rest): (Value, Value) = (answer.entry(0)?, answer.entry(1)?);
    let result = match write::write_result(ruby, value)? {
        Ok(result) => result,
        Err(error) => return Ok(Outcome::failed(error)),
    };
    if rest.is_nil() {
        return Ok(Outcome::succeeded(result));
    }
    let outcome = write::write_result(ruby, rest)?.and_then(|rest| {
        let read = rest.to::<Outcome>();
        read.map_err(|error| StepError::permanent("outcome_invalid", format!("what the handler returned: {error}")))
    });
    Ok(match outcome {
        Ok(Outcome::Succeeded { next, events, metadata, .. }) => Outcome::Succeeded { result, next, events, metadata },
        Ok(outcome) => outcome,
        Err(error) => Outcome::failed(error),
    })
}
