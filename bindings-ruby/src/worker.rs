use std::{sync::Arc, time::Duration};

use magnus::{RArray, Ruby, Value, block::Proc};
use tasker_worker::{
    host::{self, Taker, Work, outcome},
    runtime::Interrupt,
};

use crate::{
    attempt::Running,
    fault::{Result, guard},
    gvl,
    host::wait_for,
    value::{Values, json_of},
};

/// `TaskerCore::Native::Worker`: where Ruby's threads take attempts.
#[magnus::wrap(class = "TaskerCore::Native::Worker", free_immediately)]
pub(crate) struct Worker(pub(crate) host::Worker);

impl Worker {
    /// `serve(wait_ms, handler)`: runs attempts on this thread until the worker is drained. `handler` is called with an
    /// `Attempt`, and returns `[result, outcome]`: without an outcome the step succeeded with that result; else it is one of
    /// the worker protocol, to which the result is added if it is a success. Whatever ends the thread in between (an
    /// exception, `throw`, `Thread#kill`, a panic), the attempt is answered when its frame is left.
    pub(crate) fn serve(ruby: &Ruby, this: &Self, wait_ms: u64, handler: Proc) -> Result<()> {
        guard(|| {
            let taker = this.0.taker();
            loop {
                match this.next(&taker, Duration::from_millis(wait_ms))? {
                    Work::Run(attempt) => run(ruby, attempt, handler)?,
                    // Handlers ask their context.
                    Work::Cancel(_) => {}
                    Work::End => return Ok(()),
                }
            }
        })
    }

    /// `idle`: threads that wait for work at the moment.
    pub(crate) fn idle(&self) -> usize {
        self.0.idle()
    }

    /// `worker_id`
    pub(crate) fn worker_id(&self) -> Result<String> {
        guard(|| Ok(self.0.worker_id()?))
    }

    /// `stats`: a Hash of counts.
    pub(crate) fn stats(ruby: &Ruby, this: &Self) -> Result<Value> {
        guard(|| json_of(ruby, &this.0.stats()?))
    }

    /// `shutdown(grace_ms)`: drains; `[abandoned, undelivered]`.
    pub(crate) fn shutdown(&self, grace_ms: u64) -> Result<(usize, usize)> {
        guard(|| {
            let drained = wait_for(&self.0.shutdown(Duration::from_millis(grace_ms))?)?;
            Ok((drained.abandoned, drained.undelivered))
        })
    }

    /// The next work, waited for without the lock and without end.
    fn next(&self, taker: &Taker<'_>, wait: Duration) -> Result<Work> {
        loop {
            let flag = Interrupt::new();
            let polled = gvl::without_gvl(|| taker.poll(wait, &flag), || drop(self.0.interrupt(&flag)));
            let work = polled?.transpose()?.flatten();
            match (work, gvl::check_interrupts()) {
                (Some(work), Ok(())) => return Ok(work),
                (None, Ok(())) => {}
                (work, Err(interrupt)) => {
                    if let Some(Work::Run(attempt)) = work {
                        drop(attempt.put_back());
                    }
                    return Err(interrupt.into());
                }
            }
        }
    }
}

fn run(ruby: &Ruby, attempt: host::Attempt, handler: Proc) -> Result<()> {
    attempt.begin()?;
    let running = Running(Arc::new(attempt));
    let answer: RArray = handler.call((running.shown(),))?;
    let (result, rest): (Value, Option<Value>) = (answer.entry(0)?, answer.entry(1)?);
    Ok(running.0.answer(outcome(&Values(ruby), &result, rest.as_ref())?)?)
}
