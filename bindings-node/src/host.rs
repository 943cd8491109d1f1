use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

use napi::{
    Env, Status,
    bindgen_prelude::{Function, Object, Result},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use tasker_worker::{
    host::{Host, HostConfig, LogRecord, Worker, WorkerConfig, refused},
    protocol::Json,
};

use crate::{
    or_throw, read,
    settle::{Promised, apart},
    worker::{NativeWorker, WakeFunction},
};

/// Weak: it does not keep the process alive. While JavaScript is busy, lines wait in the host, which has a bound.
type LogFunction = ThreadsafeFunction<String, (), String, Status, false, true, 4>;

/// Lines of the log that cross in one call.
const LINES_MAX: usize = 256;
/// How long the thread of the log waits for a line before it looks whether the host is still wanted.
const LOG_WAIT: Duration = Duration::from_millis(500);
/// How long an environment that ends, as in `process.exit()`, is held up by giving back what its handlers had begun.
const EXIT_TIME: Duration = Duration::from_secs(3);

/// An engine in this process, or a connection to a server.
#[napi]
pub struct NativeHost {
    shared: Arc<Shared>,
}

struct Shared {
    host: Arc<Host>,
    workers: Mutex<Vec<Weak<Worker>>>,
    log_thread: Mutex<Option<JoinHandle<()>>>,
}

/// Opens what a configuration (JSON) says. `on_log` is called with JSON lists of lines of the log.
#[napi(catch_unwind, ts_return_type = "Promise<NativeHost>")]
pub fn open<'env>(env: &'env Env, config: String, on_log: Function<'_, String, ()>) -> Result<Object<'env>> {
    let on_log: LogFunction =
        on_log.build_threadsafe_function().callee_handled::<false>().weak::<true>().max_queue_size::<4>().build()?;
    let (promised, promise) = Promised::new(env)?;
    apart(promised, move || {
        let host = Arc::new(Host::start(&HostConfig::parse(&config)?)?);
        let log_thread = pass_log_on(&host, on_log)?;
        let shared = Arc::new(Shared { host, workers: Mutex::default(), log_thread: Mutex::new(Some(log_thread)) });
        Ok(move |env: Env| {
            // Runs when a thread of Node's ends before the host is closed; process.exit() on the main thread runs no hooks.
            env.add_env_cleanup_hook(Arc::downgrade(&shared), |shared| {
                if let Some(shared) = shared.upgrade() {
                    shared.give_up();
                }
            })?;
            Ok(NativeHost { shared })
        })
    });
    Ok(promise)
}

#[napi]
impl NativeHost {
    /// Calls a method of the client with parameters (JSON); the answer is JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn call<'env>(&self, env: &'env Env, method: String, params: String) -> Result<Object<'env>> {
        let params = or_throw(read(&method, &params))?;
        let (promised, promise) = Promised::new(env)?;
        let done = move |ended: tasker_worker::host::Result<Json>| {
            promised.settle(ended.map(|answer| move |_| Ok(answer.as_str().to_owned())));
        };
        // A call that cannot begin drops `done`, which rejects the promise.
        drop(self.shared.host.call_then(method, params, done));
        Ok(promise)
    }

    /// Starts a worker as a configuration (JSON) says. `on_work` is called when there is something to take where there was
    /// nothing.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeWorker>")]
    pub fn start_worker<'env>(
        &self,
        env: &'env Env,
        config: String,
        on_work: Function<'_, (), ()>,
    ) -> Result<Object<'env>> {
        let on_work: WakeFunction = on_work
            .build_threadsafe_function()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<2>()
            .build()?;
        let (promised, promise) = Promised::new(env)?;
        let shared = Arc::clone(&self.shared);
        apart(promised, move || {
            let worker = Arc::new(shared.host.start_worker(&WorkerConfig::parse(&config)?)?);
            shared.keep(&worker);
            Ok(move |_| Ok(NativeWorker::new(worker, on_work)))
        });
        Ok(promise)
    }

    /// Ends everything at once, and gives back what handlers had begun: for an environment that ends without a `close`.
    /// Waits at most three seconds.
    #[napi(catch_unwind)]
    pub fn give_up(&self) {
        self.shared.give_up();
    }

    /// Ends everything: calls that are under way are rejected, workers that were not shut down stop dead.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (promised, promise) = Promised::new(env)?;
        let shared = Arc::clone(&self.shared);
        apart(promised, move || {
            shared.close();
            Ok(|_| Ok(()))
        });
        Ok(promise)
    }
}

impl Shared {
    fn keep(&self, worker: &Arc<Worker>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(worker));
    }

    /// The last lines of the log are on their way to JavaScript when this returns.
    fn close(&self) {
        self.host.close();
        let log_thread = self.log_thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(log_thread) = log_thread {
            // It ends with the host's log; a panic there has nothing to add here.
            drop(log_thread.join());
        }
    }

    /// No handler runs any more: what they had begun is given back, so that it runs elsewhere without delay.
    fn give_up(&self) {
        let workers: Vec<_> = self.workers.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        let pending: Vec<_> =
            workers.iter().filter_map(|worker| worker.upgrade()?.shutdown(Duration::ZERO).ok()).collect();
        for ending in pending {
            drop(ending.wait(EXIT_TIME));
        }
        self.host.close();
    }
}

/// Hands the host's log to JavaScript, from a thread that ends with the host.
fn pass_log_on(host: &Arc<Host>, on_log: LogFunction) -> tasker_worker::host::Result<JoinHandle<()>> {
    let host = Arc::downgrade(host);
    let pass_on = move || {
        while let Some(host) = host.upgrade() {
            match host.next_log(LOG_WAIT) {
                Ok(Some(first)) => {
                    let more = std::iter::from_fn(|| host.next_log(Duration::ZERO).ok().flatten());
                    let records: Vec<LogRecord> = std::iter::once(first).chain(more).take(LINES_MAX).collect();
                    let Ok(text) = serde_json::to_string(&records) else { continue };
                    if on_log.call(text, ThreadsafeFunctionCallMode::Blocking) == Status::Closing {
                        return;
                    }
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
    };
    let started = thread::Builder::new().name("tasker-log".to_owned()).spawn(pass_on);
    started.map_err(|error| {
        let message = format!("the thread of the log does not start: {error}");
        refused("threads_unavailable", message, "raise the limit of threads of this process")
    })
}
