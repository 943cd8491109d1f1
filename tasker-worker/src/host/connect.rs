use std::{fmt, sync::Arc, time::Duration};

use tasker_core::{
    orchestration::{Engine, Options},
    store,
};

use super::{HostConfig, Result, forked_sqlite::OpenSqlite};
use crate::{
    client::Client,
    coordinator::{Coordinator, EmbeddedCoordinator, HttpCoordinator},
};

/// What a host talks to.
pub(super) struct Connection {
    pub(super) client: Client,
    backend: Backend,
}

enum Backend {
    /// An engine in this process, by the URL of its database.
    Embedded { engine: Arc<Engine>, sqlite: Option<OpenSqlite> },
    /// A server.
    Http { url: String, api_key: Option<String> },
}

impl Connection {
    pub(super) async fn open(config: &HostConfig) -> Result<Self> {
        let url = config.url();
        if url.starts_with("http://") || url.starts_with("https://") {
            let api_key = config.api_key();
            let client = Client::http(&url, api_key.as_deref())?;
            return Ok(Self { client, backend: Backend::Http { url, api_key } });
        }
        let sqlite = OpenSqlite::count(&url)?;
        let store = store::open(&url).await?;
        if config.migrate {
            store.migrate().await?;
        }
        let lease = Duration::from_millis(config.lease_ms);
        let options = Options { environment: config.environment(), lease, ..Options::default() };
        let engine = Engine::new(store, options);
        let client = Client::embedded(Arc::clone(&engine));
        Ok(Self { client, backend: Backend::Embedded { engine, sqlite } })
    }

    pub(super) async fn close(&self) {
        if let Backend::Embedded { engine, sqlite } = &self.backend {
            engine.close().await;
            if let Some(sqlite) = sqlite {
                sqlite.end();
            }
        }
    }

    /// One for each worker. Must be called within a tokio runtime.
    pub(super) fn coordinator(&self) -> Result<Arc<dyn Coordinator>> {
        Ok(match &self.backend {
            Backend::Embedded { engine, .. } => Arc::new(EmbeddedCoordinator::new(Arc::clone(engine))),
            Backend::Http { url, api_key } => Arc::new(HttpCoordinator::new(url, api_key.as_deref())?),
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
