use thiserror::Error;

/// Why the store could not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// The database cannot be reached, is overloaded, or gave up the transaction (a deadlock, a serialisation failure, a
    /// lock that took too long). Nothing was written; try again after a delay.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// The schema is missing, or older than this version of Tasker. Run `tasker migrate`.
    #[error("the database schema does not fit: {0}")]
    Schema(String),
    /// A newer version of Tasker has migrated the database. Use that one.
    #[error("the database belongs to a newer Tasker: {0}")]
    Newer(String),
    /// The URL does not say which database to use, or how.
    #[error("not a usable database URL: {0}")]
    Url(String),
    /// A stored row cannot be read. Something other than Tasker wrote it; the text names the table and the column.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
    /// The database refused a statement. This is a fault in Tasker.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl Error {
    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => {
                "check that the database runs and that its URL (else DATABASE_URL) is right, then try again"
            }
            Self::Schema(_) => "bring the database up to date: `tasker migrate` with its URL",
            Self::Newer(_) => "use the version of Tasker that migrated the database, or a later one",
            Self::Url(_) => "write the URL as postgres://user@host/database, sqlite:FILE or sqlite::memory:",
            Self::Corrupt(_) => "restore the row that is named from a backup, or remove it",
            Self::Refused(_) => "this is a fault in Tasker: please report it with the message",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
