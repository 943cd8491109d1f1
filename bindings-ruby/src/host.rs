use std::time::Duration;

use magnus::{Error, Ruby, Value, prelude::*};
use tasker_worker::host::{self, HostConfig, LogRecord, WorkerConfig};

use crate::{fault, gvl, read, worker::Worker, write};

/// `TaskerCore::Native::Host`: an engine in this process, or a connection to a server.
#[magnus::wrap(class = "TaskerCore::Native::Host", free_immediately)]
pub(crate) struct Host(host::Host);

/// How long a thread is away before it looks for signals: with all threads in Rust nobody else does.
pub(crate) const WAIT: Duration = Duration::from_millis(100);

impl Host {
    /// `start(config)`: a Hash of what `HostConfig` names.
    pub(crate) fn start(ruby: &Ruby, config: Value) -> Result<Self, Error> {
        fault::guard(ruby, || {
            let config = write::write(ruby, config, "the configuration")?;
            let started = away(|| HostConfig::parse(config.as_str()).and_then(|config| host::Host::start(&config)))?;
            started.map(Self).map_err(|error| fault::of_host(ruby, &error))
        })
    }

    /// `call(method, parameters)`: what the method answers.
    pub(crate) fn call(ruby: &Ruby, host: &Self, method: String, parameters: Value) -> Result<Value, Error> {
        fault::guard(ruby, || {
            let parameters = write::write(ruby, parameters, "the parameters")?;
            let pending = host.0.call(method, parameters).map_err(|error| fault::of_host(ruby, &error))?;
            let answer = wait_for(ruby, &pending)?;
            read::read(ruby, answer.as_str())
        })
    }

    /// `start_worker(config)`: a Hash of what `WorkerConfig` names.
    pub(crate) fn start_worker(ruby: &Ruby, host: &Self, config: Value) -> Result<Worker, Error> {
        fault::guard(ruby, || {
            let config = write::write(ruby, config, "the configuration")?;
            let start = || WorkerConfig::parse(config.as_str()).and_then(|config| host.0.start_worker(&config));
            let started = away(start)?;
            started.map(Worker::new).map_err(|error| fault::of_host(ruby, &error))
        })
    }

    /// `next_log(timeout_ms)`: `[level, target, message, {field => value}]`; nil when there is nothing yet.
    pub(crate) fn next_log(ruby: &Ruby, host: &Self, timeout_ms: u64) -> Result<Option<Value>, Error> {
        fault::guard(ruby, || {
            let next = away(|| host.0.next_log(Duration::from_millis(timeout_ms)))?;
            gvl::check_interrupts()?;
            let record = next.map_err(|error| fault::of_host(ruby, &error))?;
            record.map(|record| log_record(ruby, &record)).transpose()
        })
    }

    /// `close`: ends everything at once; a second time it does nothing.
    pub(crate) fn close(ruby: &Ruby, host: &Self) -> Result<(), Error> {
        fault::guard(ruby, || away(|| host.0.close()))
    }

    /// `closed?`
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// Does what takes its time, but ends by itself, without the lock.
fn away<T>(mut action: impl FnMut() -> T) -> Result<T, Error> {
    loop {
        if let Some(ended) = gvl::without_gvl(&mut action, || {})? {
            return Ok(ended);
        }
        gvl::check_interrupts()?;
    }
}

/// Waits for the end of something that is under way. It is given up when the thread is interrupted for good.
pub(crate) fn wait_for<T: Send + 'static>(ruby: &Ruby, pending: &host::Pending<T>) -> Result<T, Error> {
    loop {
        let ended = gvl::without_gvl(|| pending.wait(WAIT), || {})?.flatten();
        gvl::check_interrupts()?;
        if let Some(ended) = ended {
            return ended.map_err(|error| fault::of_host(ruby, &error));
        }
    }
}

fn log_record(ruby: &Ruby, record: &LogRecord) -> Result<Value, Error> {
    let fields = ruby.hash_new();
    for (name, value) in &record.fields {
        fields.aset(name.as_str(), value.as_str())?;
    }
    let (level, target, message) = (record.level.as_str(), record.target.as_str(), record.message.as_str());
    let parts = ruby.ary_new();
    parts.push(level)?;
    parts.push(target)?;
    parts.push(message)?;
    parts.push(fields)?;
    Ok(parts.as_value())
}
