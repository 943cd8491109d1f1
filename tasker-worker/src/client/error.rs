use tasker_core::{
    orchestration, store,
    view::{ErrorView, FaultView, Problem},
};

/// Why a call failed: a code to branch on, a text to show, what to do about it, and whether to try again. The same shape
/// whether the engine is in this process or behind a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<ErrorView>);

impl Error {
    /// A stable word to branch on, for example `template_not_found`; docs/errors has a page for each.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.0.remedy
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.is_transient
    }

    /// The places that are wrong, of a template or an input that was refused.
    #[must_use]
    pub fn details(&self) -> &[FaultView] {
        &self.0.faults
    }

    /// The error as a document.
    #[must_use]
    pub fn view(&self) -> &ErrorView {
        &self.0
    }
}

impl From<ErrorView> for Error {
    fn from(view: ErrorView) -> Self {
        Self(Box::new(view))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        ErrorView::from(problem).into()
    }
}

impl From<orchestration::Error> for Error {
    fn from(error: orchestration::Error) -> Self {
        ErrorView::from(&error).into()
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        orchestration::Error::from(error).into()
    }
}
