use std::sync::Arc;

use super::{Error, PostgresStore, Result, Store};

/// Opens the database of a URL: `postgres://...`.
///
/// # Errors
/// [`Error::Url`] for a URL of another kind; otherwise what the database answers.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresStore::connect(url).await?)),
        _ => Err(Error::Url("it begins with `postgres:`".to_owned())),
    }
}
