//! What a process has carried since it began, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a relay has done.
#[derive(Debug, Default)]
pub struct Relaying {
    pub(super) events: AtomicU64,
    pub(super) failures: AtomicU64,
}

impl Relaying {
    /// Events that the stream has acknowledged.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Times that it had to begin again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// What was told to a collector of spans.
#[derive(Debug, Default)]
pub struct Exporting {
    pub(super) spans: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failures: AtomicU64,
}

impl Exporting {
    /// Spans that the collector has taken.
    #[must_use]
    pub fn spans(&self) -> u64 {
        self.spans.load(Ordering::Relaxed)
    }

    /// Spans that it has refused for good.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Requests that failed and are made again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// What was sent to webhooks.
#[derive(Debug, Default)]
pub struct Delivering {
    pub(super) delivered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) retried: AtomicU64,
}

impl Delivering {
    /// Messages that arrived.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Messages that were given up.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Tries that failed and are made again.
    #[must_use]
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }
}
