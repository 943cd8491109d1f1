use std::path::PathBuf;

use tasker_core::store;

use crate::{client, handler, runtime};

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The handlers cannot be used as they are registered; see [`handler::Error`].
    #[error(transparent)]
    Handlers(#[from] handler::Error),
    /// A template cannot be read from its file. Correct the path or its permissions.
    #[error("{}: {source}", path.display())]
    TemplateFile { path: PathBuf, source: std::io::Error },
    /// The database cannot be used, or a template cannot be registered; the code says which, the text what to mend.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The runtime does not start; see [`runtime::Error`].
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}

impl Error {
    /// A stable word to branch on.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Handlers(handler::Error::Duplicate { .. }) => "handler_duplicate",
            Self::Handlers(handler::Error::Unusable { .. }) => "name_invalid",
            Self::TemplateFile { .. } => "template_file_unreadable",
            Self::Client(error) => error.code(),
            Self::Runtime(error) => error.code(),
        }
    }

    /// Whether the same start may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Handlers(_) | Self::TemplateFile { .. } => false,
            Self::Client(error) => error.is_transient(),
            Self::Runtime(error) => error.is_transient(),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Client(error.into())
    }
}
