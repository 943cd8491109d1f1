//! A worker in one piece: engine (or the way to a server), templates and Rust handlers in the process of an application.

mod builder;
mod error;
mod executor;
mod template_files;

use std::{sync::Arc, time::Duration};

use tokio::task::AbortHandle;

pub use builder::{Source, WorkerBuilder};
pub use error::Error;
pub(crate) use template_files::template_files;

use crate::{
    client::Client,
    runtime::{Drained, Runtime, Stats},
};

/// A worker with handlers in Rust, on an engine in this process or on a server.
///
/// Dropped without a [`shutdown`](Self::shutdown) it stops dead, like a process that is killed: what it held runs again
/// elsewhere when the leases end.
#[derive(Debug)]
pub struct Worker {
    runtime: Arc<Runtime>,
    client: Client,
    executor: AbortHandle,
}

impl Worker {
    /// A worker on the database of a URL (`sqlite:tasker.db`, `sqlite::memory:`, `postgres://...`), on the server at a URL
    /// (`http://...`, `https://...`), or on an [`Engine`](tasker_core::orchestration::Engine) that is there already.
    #[must_use]
    pub fn builder(source: impl Into<Source>) -> WorkerBuilder {
        WorkerBuilder::new(source.into())
    }

    /// For submitting tasks and looking at them.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The runtime that the handlers run on.
    #[must_use]
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// What the worker is doing at the moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.runtime.stats()
    }

    /// Stops claiming, lets handlers run on for `grace`, asks those that are left to stop, and reports every outcome.
    pub async fn shutdown(&self, grace: Duration) -> Drained {
        self.runtime.shutdown(grace).await
    }

    fn new(runtime: Arc<Runtime>, client: Client, executor: AbortHandle) -> Self {
        Self { runtime, client, executor }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.executor.abort();
        self.runtime.close();
    }
}
