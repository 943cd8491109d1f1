use std::{sync::Arc, time::Duration};

use magnus::{Ruby, Value, block::Proc};
use tasker_worker::{
    host::{self, Taker, Work, profile::read_of},
    runtime::Interrupt,
};

use crate::{
    attempt::Attempt,
    fault::{Result, guard},
    gvl,
    host::wait_for,
    value::Values,
};

/// `TaskerCore::Native::Worker`: where Ruby's threads take attempts.
#[magnus::wrap(class = "TaskerCore::Native::Worker", free_immediately)]
pub(crate) struct Worker(pub(crate) host::Worker);

impl Worker {
    /// `serve(wait_ms, handler)`: runs attempts on this thread until the worker is drained. `handler` is called with an
    /// `Attempt`, and answers it. Whatever ends the thread in between (an exception, `throw`, `Thread#kill`, a panic), the
    /// attempt is abandoned when its frame is left.
    pub(crate) fn serve(&self, wait_ms: u64, handler: Proc) -> Result<()> {
        guard(|| {
            let taker = self.0.taker();
            loop {
                match self.next(&taker, Duration::from_millis(wait_ms))? {
                    Work::Run(attempt) => run(attempt, handler)?,
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
        guard(|| Ok(read_of(&this.0.stats()?, &Values(ruby))?))
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

fn run(attempt: host::Attempt, handler: Proc) -> Result<()> {
    attempt.begin()?;
    let attempt = Arc::new(attempt);
    let ended = guard(|| Ok(handler.call((Attempt(Arc::clone(&attempt)),)).map(|_: Value| ())?));
    // Without an answer it counts as abandoned now, however long Ruby keeps the object; with one this does nothing.
    attempt.abandon();
    ended
}
