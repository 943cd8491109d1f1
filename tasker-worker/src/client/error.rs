use tasker_core::{orchestration, store};

/// Why a call failed: a code to branch on, a text to show, and whether to try again. The same shape whether the engine is in
/// this process or behind a network.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: String,
    message: String,
    is_transient: bool,
}

impl Error {
    /// A stable word to branch on, for example `template_not_found`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_transient
    }
}

impl From<orchestration::Error> for Error {
    fn from(error: orchestration::Error) -> Self {
        Self { code: error.code().to_owned(), message: error.to_string(), is_transient: error.is_transient() }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        orchestration::Error::from(error).into()
    }
}
