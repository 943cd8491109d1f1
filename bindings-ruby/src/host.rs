use std::time::Duration;

use magnus::{Ruby, Value};
use tasker_worker::host::{self, HostConfig, WorkerConfig, profile::read_of};

use crate::{
    fault::{Result, guard},
    gvl,
    value::{Values, read, write},
    worker::Worker,
};

/// `TaskerCore::Native::Host`: an engine in this process, or a connection to a server.
#[magnus::wrap(class = "TaskerCore::Native::Host", free_immediately)]
pub(crate) struct Host(host::Host);

/// How long a thread is away before it looks for signals: with all threads in Rust nobody else does.
const WAIT: Duration = Duration::from_millis(100);

impl Host {
    /// `start(config)`: the JSON text of what `HostConfig` names.
    pub(crate) fn start(config: String) -> Result<Self> {
        guard(|| Ok(Self(away(|| host::Host::start(&HostConfig::parse(&config)?))??)))
    }

    /// `call(method, parameters)`: what the method answers.
    pub(crate) fn call(ruby: &Ruby, this: &Self, method: String, parameters: Value) -> Result<Value> {
        guard(|| {
            let pending = this.0.call(method, write(ruby, parameters, "the parameters")?)?;
            read(ruby, wait_for(&pending)?.as_str())
        })
    }

    /// `start_worker(config)`: the JSON text of what `WorkerConfig` names.
    pub(crate) fn start_worker(&self, config: String) -> Result<Worker> {
        guard(|| Ok(Worker(away(|| self.0.start_worker(&WorkerConfig::parse(&config)?))??)))
    }

    /// `next_log(timeout_ms)`: a Hash with `level`, `target`, `message` and `fields`; nil when there is nothing yet.
    pub(crate) fn next_log(ruby: &Ruby, this: &Self, timeout_ms: u64) -> Result<Option<Value>> {
        guard(|| {
            let next = away(|| this.0.next_log(Duration::from_millis(timeout_ms)))?;
            gvl::check_interrupts()?;
            Ok(next?.map(|record| read_of(&record, &Values(ruby))).transpose()?)
        })
    }

    /// `close`: ends everything at once; a second time it does nothing.
    pub(crate) fn close(&self) -> Result<()> {
        guard(|| away(|| self.0.close()))
    }
}

/// Does what takes its time, but ends by itself, without the lock.
fn away<T>(mut action: impl FnMut() -> T) -> Result<T> {
    loop {
        if let Some(ended) = gvl::without_gvl(&mut action, || {})? {
            return Ok(ended);
        }
        gvl::check_interrupts()?;
    }
}

/// Waits for the end of something that is under way. It is given up when the thread is interrupted for good.
pub(crate) fn wait_for<T: Send + 'static>(pending: &host::Pending<T>) -> Result<T> {
    loop {
        let ended = gvl::without_gvl(|| pending.wait(WAIT), || {})?.flatten();
        gvl::check_interrupts()?;
        if let Some(ended) = ended {
            return Ok(ended?);
        }
    }
}
