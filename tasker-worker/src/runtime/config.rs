use std::{collections::BTreeSet, env, fs, process, time::Duration};

use tasker_core::{model::WorkerId, store::WorkerRecord};

use crate::coordinator;

/// What a worker serves, and how much of it at a time.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Names of the handlers that this worker has: at least one.
    pub handlers: Vec<String>,
    /// The queues it serves (a step's queue is its namespace); empty for every one.
    pub queues: Vec<String>,
    /// Attempts at the same time, 1 to 10,000.
    pub slots: usize,
    /// `rust`, `python`, `ruby` or `typescript`.
    pub language: String,
    /// The longest time between two looks for work while there are no wake-ups. The shortest is a two-hundredth of it, but
    /// no less than a millisecond.
    pub poll_interval_max: Duration,
}

/// Attempts at the same time that one worker takes at most.
pub(super) const SLOTS_MAX: usize = 10_000;

impl RuntimeConfig {
    /// Serves these handlers on every queue, ten attempts at a time.
    #[must_use]
    pub fn new(language: impl Into<String>, handlers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            handlers: handlers.into_iter().map(Into::into).collect(),
            queues: Vec::new(),
            slots: 10,
            language: language.into(),
            poll_interval_max: Duration::from_secs(1),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.handlers.is_empty() {
            return Err(Error::NoHandlers);
        }
        if !(1..=SLOTS_MAX).contains(&self.slots) {
            return Err(Error::Slots(self.slots));
        }
        let unusable = |name: &&String| name.is_empty() || name.contains(char::is_whitespace);
        match self.handlers.iter().chain(&self.queues).find(unusable) {
            Some(name) => Err(Error::Name(name.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn record(&self) -> WorkerRecord {
        let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        WorkerRecord {
            worker_id: WorkerId::new(),
            host: host(),
            pid: process::id(),
            language: self.language.clone(),
            slots: u32::try_from(self.slots).unwrap_or(u32::MAX),
            handlers: sorted(&self.handlers),
            queues: sorted(&self.queues),
        }
    }
}

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing that it could do. Register handlers before the start.
    #[error("no handlers are registered: register at least one before the worker starts")]
    NoHandlers,
    /// Choose a number of slots within the limits.
    #[error("{0} slots; a worker has 1 to {SLOTS_MAX}")]
    Slots(usize),
    /// No template can name this handler or queue: use a text that is not empty and has no spaces.
    #[error("`{0}` cannot name a handler or a queue: use a text that is not empty and has no spaces")]
    Name(String),
    /// The coordinator did not let the worker join; see [`coordinator::Error`].
    #[error(transparent)]
    Coordinator(#[from] coordinator::Error),
}

impl Error {
    /// A stable word to branch on.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NoHandlers => "no_handlers",
            Self::Slots(_) => "slots_invalid",
            Self::Name(_) => "name_invalid",
            Self::Coordinator(error) => error.code(),
        }
    }

    /// Whether the same start may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Coordinator(error) if error.is_transient())
    }
}

/// The machine's name, for people who look for a worker.
fn host() -> String {
    let named = ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|variable| env::var(variable).ok());
    let written = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = named.or_else(written).unwrap_or_default();
    let host = host.trim();
    if host.is_empty() { "unknown".to_owned() } else { host.to_owned() }
}
