use std::sync::Arc;

use super::{Error, PostgresStore, Result, SqliteStore, Store};
use crate::model::SystemClock;

/// Opens the store that a URL names: `postgres://user:password@host:port/database`, `sqlite:path` or `sqlite::memory:`.
/// The schema is left as it is; see [`Store::migrate`].
///
/// # Errors
/// [`Error::Url`] for any other URL; [`Error::Unavailable`] when the database cannot be opened.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => Ok(Arc::new(PostgresStore::connect(url).await?)),
        Some("sqlite") => Ok(Arc::new(SqliteStore::open(url, Arc::new(SystemClock)).await?)),
        // The text itself may hold a password.
        _ => Err(Error::Url("it begins with neither `postgres://` nor `sqlite:`".to_owned())),
    }
}
