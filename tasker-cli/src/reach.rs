//! Whom a command asks: a server, or the engine in this process on a store. Commands do not see the difference.

use tasker_worker::Client;

use crate::{
    database,
    failure::{Failure, Result},
    settings::Settings,
};

/// The server that the settings name, or an engine on their store.
pub(crate) async fn client(settings: &Settings) -> Result<Client> {
    match server(settings)? {
        Some(url) => Ok(Client::http(url, settings.api_key.as_deref())?),
        None => Ok(Client::embedded(database::engine(settings).await?)),
    }
}

/// The URL of the server that the settings name; none where a store is meant.
pub(crate) fn server(settings: &Settings) -> Result<Option<&str>> {
    if settings.api_flag.is_some() && settings.store_flag.is_some() {
        return Err(Failure::usage("both a server and a store are named", "leave out --api or --store"));
    }
    Ok(settings.api.as_deref())
}
