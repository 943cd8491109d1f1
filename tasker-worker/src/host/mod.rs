//! What the bindings for other languages wrap: one engine or connection, the threads under it, a client, and workers.
//!
//! A binding translates values and calls handlers; everything else is here, once: settings, the connection, every call of
//! a client by its name, one shape of errors, the JSON profile, logs, the guard against forked children, panics, the end.
//! The language calls in and Rust never calls out, except for callbacks that say "there is something" and return at once.

mod attempt;
mod call;
mod config;
mod connect;
mod error;
mod forked_sqlite;
mod home;
mod log;
mod outcome;
mod pending;
pub mod profile;
mod worker;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle, Runtime as Tokio},
    time::timeout,
};

pub use attempt::{Attempt, Work};
pub use config::{HostConfig, WorkerConfig};
pub use error::{Error, refused};
pub use log::{LogLevel, LogRecord};
pub use outcome::outcome;
pub use pending::Pending;
pub use worker::{Taker, Worker};

use self::{connect::Connection, home::Homed, log::LogQueue};
use crate::{here::Here, protocol::Json, runtime::Runtime};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An engine in this process, or a connection to a server, with the threads that carry it.
///
/// It belongs to the process that made it. In a forked child every method says so ([`Error::code`] is `forked`), and dropping
/// it does nothing. All methods may be called from any number of threads.
pub struct Host(Homed<Opened>);

struct Opened {
    /// None once the host is closed: nothing is kept for a language that collects its objects late.
    inner: Mutex<Option<Arc<Inner>>>,
    logs: Arc<LogQueue>,
}

struct Inner {
    /// None once the host is closed.
    tokio: Mutex<Option<Tokio>>,
    handle: Handle,
    here: Arc<Here>,
    connection: Connection,
    workers: Mutex<Vec<Weak<Runtime>>>,
    logs: Arc<LogQueue>,
}

/// How long the threads under a host have to come to their end.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// Calls that a thread which waits for them may do itself.
const FREQUENT: [&str; 3] = ["task.submit", "task.wait", "task.get"];

impl Host {
    /// Opens the database (and brings its schema up to date, if so configured) or connects to the server. No worker is
    /// started. Waits until that is done.
    ///
    /// # Errors
    /// `config_invalid`, `database_url_invalid`, `database_unavailable`, `schema_mismatch`; nothing is left behind.
    pub fn start(config: &HostConfig) -> Result<Self> {
        catch(|| {
            config.check()?;
            let logs = LogQueue::new(&config.log)?;
            let tokio = threads(config.threads, &logs)?;
            let opened = logs.collect(|| tokio.block_on(Connection::open(config)));
            let connection = match opened {
                Ok(connection) => connection,
                Err(error) => {
                    tokio.shutdown_timeout(CLOSE_TIME);
                    return Err(error);
                }
            };
            let handle = tokio.handle().clone();
            let here = Arc::new(Here::new(handle.clone()));
            let tokio = Mutex::new(Some(tokio));
            let workers = Mutex::default();
            let inner = Arc::new(Inner { tokio, handle, here, connection, workers, logs: Arc::clone(&logs) });
            Ok(Self(Homed::new(Opened { inner: Mutex::new(Some(inner)), logs })))
        })
    }

    /// Begins a call of the client: `method` is a name such as `task.submit`, `params` the JSON object of its parameters.
    /// docs/reference/host-calls.md lists them all.
    ///
    /// # Errors
    /// `forked`, `closed`; all others come with the end of the call.
    pub fn call(&self, method: impl Into<String>, params: Json) -> Result<Pending<Json>> {
        let inner = self.inner()?;
        let (method, client) = (method.into(), inner.connection.client.clone());
        Ok(Pending::spawn(&inner.handle, async move { call::call(&client, &method, &params).await }))
    }

    /// Like [`call`](Self::call), but what is often asked for goes on only while a thread waits for it, on that thread, which
    /// spares two others the way. It takes up to a megabyte of the stack: too much for fibers, and in deep recursions.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_here(&self, method: impl Into<String>, params: Json) -> Result<Pending<Json>> {
        let (inner, method) = (self.inner()?, method.into());
        if !FREQUENT.contains(&method.as_str()) {
            return self.call(method, params);
        }
        let client = inner.connection.client.clone();
        Ok(Pending::here(&inner.here, async move { call::call(&client, &method, &params).await }))
    }

    /// Like [`call`](Self::call), for callers that do not wait: `done` is called once with the answer and must return at once, on
    /// one of the host's own threads as a rule. When the host is closed before, the answer is `closed`. What is often asked for
    /// begins on the calling thread, as in [`call_here`](Self::call_here).
    ///
    /// # Errors
    /// `forked`, `closed`.
    pub fn call_then(
        &self,
        method: impl Into<String>,
        params: Json,
        done: impl FnOnce(Result<Json>) + Send + 'static,
    ) -> Result<()> {
        let inner = self.inner()?;
        let (method, client) = (method.into(), inner.connection.client.clone());
        let is_frequent = FREQUENT.contains(&method.as_str());
        let done = Answer(Some(done));
        let work = async move { done.give(pending::ended(call::call(&client, &method, &params)).await) };
        if is_frequent {
            inner.here.set_out(work)
        } else {
            inner.here.hand_over(work)
        }
        Ok(())
    }

    /// Starts a worker for the handlers that are named. Nothing is claimed before its first poll.
    ///
    /// # Errors
    /// `no_handlers`, `slots_invalid`, `name_invalid`, `database_unavailable`, `forked`, `closed`.
    pub fn start_worker(&self, config: &WorkerConfig) -> Result<Worker> {
        let inner = self.inner()?;
        catch(|| {
            let config = config.runtime()?;
            let runtime = inner.logs.collect(|| {
                inner.handle.block_on(async {
                    let coordinator = inner.connection.coordinator()?;
                    Ok::<_, Error>(Runtime::start(coordinator, config).await?)
                })
            })?;
            let runtime = Arc::new(runtime);
            let mut workers = inner.workers.lock().unwrap_or_else(PoisonError::into_inner);
            workers.retain(|worker| worker.strong_count() > 0);
            workers.push(Arc::downgrade(&runtime));
            Ok(Worker::new(runtime, inner.handle.clone()))
        })
    }

    /// What the host logged, the oldest first; waits at most `timeout` for something. None when there is nothing, and at
    /// once when the host is closed.
    ///
    /// # Errors
    /// `forked`; `closed` when the host is closed and everything has been handed out.
    pub fn next_log(&self, timeout: Duration) -> Result<Option<LogRecord>> {
        self.0.get()?.logs.next(timeout)
    }

    /// Whether [`close`](Self::close) has been called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner().is_err_and(|error| error.code() == "closed")
    }

    /// Ends everything: workers that have not been shut down stop dead, calls that are under way end with `closed`. A
    /// second call does nothing, and so does a call in a forked child.
    pub fn close(&self) {
        let Ok(opened) = self.0.get() else { return };
        let Some(inner) = opened.inner.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let Some(tokio) = inner.tokio.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        for worker in inner.workers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(worker) = worker.upgrade() {
                worker.close();
            }
        }
        inner.here.close();
        tokio.block_on(async { drop(timeout(CLOSE_TIME, inner.connection.close()).await) });
        tokio.shutdown_timeout(CLOSE_TIME);
        inner.logs.close();
    }

    fn inner(&self) -> Result<Arc<Inner>> {
        let opened = self.0.get()?;
        opened.inner.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(error::closed)
    }
}

/// What is told the end of a call: that of its host too, which drops the call.
struct Answer<F: FnOnce(Result<Json>)>(Option<F>);

impl<F: FnOnce(Result<Json>)> Answer<F> {
    fn give(mut self, answer: Result<Json>) {
        if let Some(done) = self.0.take() {
            done(answer);
        }
    }
}

impl<F: FnOnce(Result<Json>)> Drop for Answer<F> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(error::closed()));
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.inner().ok();
        f.debug_struct("Host").field("connection", &inner.as_ref().map(|inner| &inner.connection)).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The last handle may be dropped anywhere, where nothing may wait.
        if let Some(tokio) = self.tokio.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            self.here.close();
            tokio.shutdown_background();
        }
        self.logs.close();
    }
}

/// Runs what a binding exports; a panic becomes an error of the code `internal_panic`, since none may cross into another
/// language.
///
/// # Errors
/// Those of `action`, and `internal_panic`.
pub fn catch<T>(action: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(action)).unwrap_or_else(|panic| Err(error::panicked(panic.as_ref())))
}

fn threads(count: usize, logs: &Arc<LogQueue>) -> Result<Tokio> {
    let logs = Arc::clone(logs);
    Builder::new_multi_thread()
        .worker_threads(count)
        .thread_name("tasker")
        .enable_all()
        .on_thread_start(move || logs.collect_on_this_thread())
        .build()
        .map_err(|error| {
            let message = format!("the threads of the host do not start: {error}");
            refused("threads_unavailable", message, "allow this process more threads")
        })
}
