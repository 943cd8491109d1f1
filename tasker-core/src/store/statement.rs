#[cfg(feature = "test-support")]
use std::sync::atomic::{AtomicBool, Ordering};

/// One file of `store/sql`.
#[derive(Debug)]
pub struct Statement {
    /// The file's name without its ending.
    pub name: &'static str,
    text: &'static str,
    #[cfg(feature = "test-support")]
    was_used: AtomicBool,
}

impl Statement {
    pub(super) const fn new(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text,
            #[cfg(feature = "test-support")]
            was_used: AtomicBool::new(false),
        }
    }

    /// The statement, to be executed.
    pub(super) fn sql(&self) -> &'static str {
        #[cfg(feature = "test-support")]
        self.was_used.store(true, Ordering::Relaxed);
        self.text
    }

    /// The statement, to be looked at.
    #[must_use]
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Whether this process has executed the statement.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn was_used(&self) -> bool {
        self.was_used.load(Ordering::Relaxed)
    }
}

/// Declares the statements of one folder of `store/sql`, and `ALL` of them.
macro_rules! statements {
    ($folder:literal: $($name:ident = $file:literal),+ $(,)?) => {
        $(pub(super) static $name: $crate::store::statement::Statement = $crate::store::statement::Statement::new(
            $file,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql/", $folder, "/", $file, ".sql")),
        );)+

        /// Every statement, so that none is left untested.
        #[cfg(feature = "test-support")]
        pub(super) static ALL: &[&$crate::store::statement::Statement] = &[$(&$name),+];
    };
}

pub(super) use statements;
