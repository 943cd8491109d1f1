use std::{env, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::{Result, refused};
use crate::runtime::RuntimeConfig;

/// What a host connects to. What is not given comes from the environment, and then from a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// `sqlite:path`, `sqlite::memory:`, `postgres://...`, `http://...` or `https://...`; else `TASKER_API_URL`, else
    /// `DATABASE_URL`, else `sqlite:tasker.db`.
    pub url: Option<String>,
    /// For a server; else `TASKER_API_KEY`.
    pub api_key: Option<String>,
    /// Which `environments` of the templates apply to tasks that are submitted here; else `TASKER_ENV`.
    pub environment: Option<String>,
    /// Whether the schema of a database is brought up to date.
    pub migrate: bool,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, `off`, or per target as in `warn,tasker_core=debug`; else
    /// `TASKER_LOG`, else `info`.
    pub log: String,
    /// How long an engine in this process gives leases for, in milliseconds, 1,000 to 3,600,000; they are renewed while a
    /// handler runs, and a step whose worker vanished waits that long. A server has a time of its own.
    pub lease_ms: u64,
    /// Threads that carry the host, 1 to 64.
    pub threads: usize,
}

const THREADS_MAX: usize = 64;
const LEASE_MS: RangeInclusive<u64> = 1_000..=3_600_000;

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            url: None,
            api_key: None,
            environment: None,
            migrate: true,
            log: variable("TASKER_LOG").unwrap_or_else(|| "info".to_owned()),
            lease_ms: 30_000,
            threads: 2,
        }
    }
}

impl HostConfig {
    /// Everything by environment and defaults, but for the URL.
    #[must_use]
    pub fn of(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::default() }
    }

    /// The configuration that a JSON object describes.
    ///
    /// # Errors
    /// `config_invalid`, naming the field.
    pub fn parse(json: &str) -> Result<Self> {
        parse(json)
    }

    pub(super) fn check(&self) -> Result<()> {
        if !(1..=THREADS_MAX).contains(&self.threads) {
            let message = format!("{} threads; a host has 1 to {THREADS_MAX}", self.threads);
            return Err(refused("config_invalid", message, "leave `threads` out for the default of 2"));
        }
        if !LEASE_MS.contains(&self.lease_ms) {
            let message = format!("leases of {} ms; they take a second to an hour", self.lease_ms);
            return Err(refused("config_invalid", message, "leave `lease_ms` out for the default of 30,000"));
        }
        Ok(())
    }

    pub(super) fn url(&self) -> String {
        let named = self.url.clone().or_else(|| variable("TASKER_API_URL")).or_else(|| variable("DATABASE_URL"));
        named.unwrap_or_else(|| "sqlite:tasker.db".to_owned())
    }

    pub(super) fn api_key(&self) -> Option<String> {
        self.api_key.clone().or_else(|| variable("TASKER_API_KEY"))
    }

    pub(super) fn environment(&self) -> Option<String> {
        self.environment.clone().or_else(|| variable("TASKER_ENV"))
    }
}

/// What a worker serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// `python`, `ruby` or `typescript`.
    pub language: String,
    /// The names of its handlers: at least one.
    pub handlers: Vec<String>,
    /// The namespaces it serves; else `TASKER_NAMESPACE`, else every one.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Attempts at the same time, 1 to 10,000.
    #[serde(default = "slots")]
    pub slots: usize,
    /// The longest time between two looks for work while there are no wake-ups.
    #[serde(default)]
    pub poll_interval_ms_max: Option<u64>,
}

impl WorkerConfig {
    #[must_use]
    pub fn new(language: impl Into<String>, handlers: Vec<String>) -> Self {
        Self { language: language.into(), handlers, namespaces: Vec::new(), slots: slots(), poll_interval_ms_max: None }
    }

    /// The configuration that a JSON object describes.
    ///
    /// # Errors
    /// `config_invalid`, naming the field.
    pub fn parse(json: &str) -> Result<Self> {
        parse(json)
    }

    pub(super) fn runtime(&self) -> Result<RuntimeConfig> {
        let mut config = RuntimeConfig::new(self.language.clone(), self.handlers.iter().cloned());
        config.queues.clone_from(&self.namespaces);
        if config.queues.is_empty() {
            config.queues.extend(variable("TASKER_NAMESPACE"));
        }
        config.slots = self.slots;
        if let Some(interval_ms) = self.poll_interval_ms_max {
            config.poll_interval_max = Duration::from_millis(interval_ms);
        }
        config.check()?;
        Ok(config)
    }
}

fn slots() -> usize {
    64
}

fn parse<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        refused("config_invalid", format!("the configuration: {error}"), "correct the field that is named")
    })
}

/// A variable that is set to nothing counts as not set.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
