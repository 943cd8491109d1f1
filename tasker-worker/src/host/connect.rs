use std::{fmt, sync::Arc};

use tasker_core::{
    orchestration::{Engine, Options},
    store,
};

use super::{HostConfig, Result, refused};
use crate::{
    client::Client,
    coordinator::{Coordinator, EmbeddedCoordinator},
};

/// What a host talks to: an engine in this process, by the URL of its database.
pub(super) struct Connection {
    pub(super) client: Client,
    engine: Arc<Engine>,
}

impl Connection {
    pub(super) async fn open(config: &HostConfig) -> Result<Self> {
        let url = config.url();
        if url.starts_with("http://") || url.starts_with("https://") {
            let message = "this build of Tasker cannot reach a server";
            return Err(refused("api_url_unsupported", message, "name the server's database instead"));
        }
        let store = store::open(&url).await?;
        if config.migrate {
            store.migrate().await?;
        }
        let options = Options { environment: config.environment(), ..Options::default() };
        let engine = Engine::new(store, options);
        Ok(Self { client: Client::embedded(Arc::clone(&engine)), engine })
    }

    /// One for each worker. Must be called within a tokio runtime.
    pub(super) fn coordinator(&self) -> Arc<dyn Coordinator> {
        Arc::new(EmbeddedCoordinator::new(Arc::clone(&self.engine)))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
