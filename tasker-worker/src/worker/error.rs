use std::path::PathBuf;

use tasker_core::store;

use crate::{client, handler, runtime};

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The handlers cannot be used as they are registered; see [`handler::Error`].
    #[error(transparent)]
    Handlers(#[from] handler::Error),
    /// The database cannot be used; see [`store::Error`].
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A template cannot be read from its file. Correct the path or its permissions.
    #[error("{}: {source}", path.display())]
    TemplateFile { path: PathBuf, source: std::io::Error },
    /// A template cannot be registered; the text names the file and the places.
    #[error(transparent)]
    Template(#[from] client::Error),
    /// The runtime does not start; see [`runtime::Error`].
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}
