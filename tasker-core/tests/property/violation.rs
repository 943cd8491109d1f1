//! A broken promise, as a value: proptest looks for the smallest scenario that leads to one.

/// What was promised and found otherwise.
#[derive(Debug)]
pub(crate) struct Violation(pub(crate) String);

pub(crate) type Checked<T = ()> = Result<T, Violation>;

/// An error from the engine is a violation too: nothing here gives it a reason for one.
impl<E: std::error::Error> From<E> for Violation {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Violation {
    pub(crate) fn within(self, place: &str) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

/// Returns a [`Violation`] unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::violation::Violation(format!($($text)+)));
        }
    };
}
