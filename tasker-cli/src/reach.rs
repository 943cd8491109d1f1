//! Whom a command asks: a server, or the engine in this process on a store. Commands do not see the difference.

use tasker_worker::Client;

use crate::{database, failure::Result, settings::Settings};

/// The server that the settings name, or an engine on their store.
pub(crate) async fn client(settings: &Settings) -> Result<Client> {
    match &settings.api {
        Some(url) => Ok(Client::http(url, settings.api_key.as_deref())?),
        None => Ok(Client::embedded(database::engine(settings).await?)),
    }
}
