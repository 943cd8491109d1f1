use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt,
    str::FromStr,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tracing::{
    Dispatch, Event, Level, Subscriber,
    field::{Field, Visit},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, Layer, SubscriberExt},
};

use super::{Result, error};

/// One line of the log of a host, for the logger of the language around it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogRecord {
    pub level: LogLevel,
    /// The Rust module that it comes from, such as `tasker_worker::runtime::pump`.
    pub target: String,
    pub message: String,
    /// Values that belong to the message, in their order.
    pub fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Records that wait for the language to take them. It has a bound: what nobody takes pushes out the oldest.
pub(super) struct LogQueue {
    state: Mutex<State>,
    arrived: Condvar,
    filter: Targets,
}

#[derive(Default)]
struct State {
    records: VecDeque<LogRecord>,
    lost: u64,
    is_closed: bool,
}

const RECORDS_MAX: usize = 4_096;

thread_local! {
    /// What a thread of a host logs goes to its host for as long as the thread lives.
    static COLLECTING: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

impl LogQueue {
    pub(super) fn new(text: &str) -> Result<Arc<Self>> {
        // `Targets` alone takes a misspelt level for a target.
        let is_understood = text.split(',').all(|part| part.contains('=') || part.parse::<LevelFilter>().is_ok());
        let filter = Some(text).filter(|_| is_understood).and_then(|text| Targets::from_str(text).ok());
        let filter = filter.ok_or_else(|| {
            error::refused(
                "config_invalid",
                format!("log: `{text}` names no level"),
                "use error, warn, info, debug, trace or off, or targets too as in `warn,tasker_core=debug`",
            )
        })?;
        Ok(Arc::new(Self { state: Mutex::default(), arrived: Condvar::new(), filter }))
    }

    /// Collects what `action` logs on this thread.
    pub(super) fn collect<T>(self: &Arc<Self>, action: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch(), action)
    }

    pub(super) fn collect_on_this_thread(self: &Arc<Self>) {
        let guard = tracing::dispatcher::set_default(&self.dispatch());
        COLLECTING.set(Some(guard));
    }

    pub(super) fn next(&self, timeout: Duration) -> Result<Option<LogRecord>> {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(record) = state.take() {
                return Ok(Some(record));
            }
            if state.is_closed {
                return Err(error::closed());
            }
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            state = self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.arrived.notify_all();
    }

    fn push(&self, record: LogRecord) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.records.len() >= RECORDS_MAX {
            state.records.pop_front();
            state.lost += 1;
        }
        state.records.push_back(record);
        drop(state);
        self.arrived.notify_one();
    }

    fn dispatch(self: &Arc<Self>) -> Dispatch {
        let layer = Collector(Arc::clone(self)).with_filter(self.filter.clone());
        Dispatch::new(Registry::default().with(layer))
    }
}

impl State {
    fn take(&mut self) -> Option<LogRecord> {
        if self.lost == 0 {
            return self.records.pop_front();
        }
        let message = "log records were lost, since nobody took them".to_owned();
        let fields = vec![("lost".to_owned(), std::mem::take(&mut self.lost).to_string())];
        Some(LogRecord { level: LogLevel::Warn, target: module_path!().to_owned(), message, fields })
    }
}

struct Collector(Arc<LogQueue>);

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.push(LogRecord {
            level: LogLevel::of(*metadata.level()),
            target: metadata.target().to_owned(),
            message: fields.message,
            fields: fields.others,
        });
    }
}

impl LogLevel {
    fn of(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            Level::TRACE => Self::Trace,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, format!("{value:?}"));
    }
}

impl Fields {
    fn keep(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.others.push((field.name().to_owned(), value));
        }
    }
}
