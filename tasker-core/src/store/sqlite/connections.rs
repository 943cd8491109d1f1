use std::{
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::future::join_all;
use sqlx::{
    ConnectOptions, Connection, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::store::{Error, Result};

const READERS: usize = 4;
/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows that SQLite's thread may be ahead of us: with fewer, the two threads wake each other for every few rows.
const ROWS_AHEAD: usize = 4096;

/// The one connection that writes, and a few that read. A database in memory belongs to its connection, so that there
/// the writer also reads.
pub(super) struct Connections {
    options: SqliteConnectOptions,
    /// None after [`Connections::close`].
    writer: Mutex<Option<SqliteConnection>>,
    readers: Box<[Mutex<Option<SqliteConnection>>]>,
    next_reader: AtomicUsize,
}

impl Connections {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let Address { options, is_memory } = url.parse()?;
        let writer = Mutex::new(Some(options.connect().await?));
        let mut readers = Vec::new();
        while readers.len() < READERS && !is_memory {
            let options = options.clone().create_if_missing(false).pragma("query_only", "on");
            readers.push(Mutex::new(Some(options.connect().await?)));
        }
        Ok(Self { options, writer, readers: readers.into(), next_reader: AtomicUsize::new(0) })
    }

    pub(super) async fn writer(&self) -> Result<Writer<'_>> {
        let writer = Writer(self.writer.lock().await);
        if writer.0.is_some() { Ok(writer) } else { Err(closed()) }
    }

    /// Every row that a query which only reads answers with.
    pub(super) async fn fetch(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>> {
        let mut reader = self.reader().await;
        Ok(query.fetch_all(reader.as_mut().ok_or_else(closed)?).await?)
    }

    pub(super) fn describe(&self) -> String {
        self.options.get_filename().display().to_string()
    }

    pub(super) async fn close(&self) {
        join_all(self.readers.iter().chain([&self.writer]).map(|connection| async {
            if let Some(connection) = connection.lock().await.take()
                && let Err(error) = connection.close().await
            {
                tracing::warn!(%error, "a connection did not close cleanly");
            }
        }))
        .await;
    }

    async fn reader(&self) -> MutexGuard<'_, Option<SqliteConnection>> {
        if let Some(idle) = self.readers.iter().find_map(|reader| reader.try_lock().ok()) {
            return idle;
        }
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed);
        self.readers.get(turn % self.readers.len().max(1)).unwrap_or(&self.writer).lock().await
    }
}

/// The right to write, until it is dropped. It is never given out without a connection.
pub(super) struct Writer<'a>(MutexGuard<'a, Option<SqliteConnection>>);

impl Writer<'_> {
    /// Opens a transaction that already has the lock to write, so that it cannot fail for want of it later.
    pub(super) async fn begin(&mut self) -> Result<sqlx::Transaction<'_, Sqlite>> {
        let connection = self.0.as_mut().ok_or_else(closed)?;
        Ok(connection.begin_with("begin immediate").await?)
    }
}

fn closed() -> Error {
    Error::Unavailable("the database was closed".to_owned())
}

struct Address {
    options: SqliteConnectOptions,
    is_memory: bool,
}

/// `sqlite:path`, `sqlite:///abs/path` or `sqlite::memory:`, and `?synchronous=normal` behind it.
impl FromStr for Address {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        let fault = |reason: String| Error::Url(format!("{url}: {reason}"));
        let rest = url.strip_prefix("sqlite:").ok_or_else(|| fault("it begins with `sqlite:`".to_owned()))?;
        let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let mut synchronous = SqliteSynchronous::Full;
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            synchronous = match parameter {
                "synchronous=full" => SqliteSynchronous::Full,
                "synchronous=normal" => SqliteSynchronous::Normal,
                other => {
                    return Err(fault(format!(
                        "`{other}` is not known; `synchronous=normal` and `synchronous=full` are"
                    )));
                }
            };
        }
        let is_memory = path == ":memory:";
        if !is_memory && path.trim_start_matches('/').is_empty() {
            return Err(fault("it names no file; `sqlite:tasker.db` and `sqlite::memory:` do".to_owned()));
        }
        let options =
            SqliteConnectOptions::from_str(&format!("sqlite:{path}")).map_err(|error| fault(error.to_string()))?;
        let options = options
            .shared_cache(false)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(false)
            .pragma("temp_store", "memory")
            // Negative is KiB.
            .pragma("cache_size", "-65536")
            .pragma("mmap_size", "268435456")
            .row_buffer_size(ROWS_AHEAD)
            .disable_statement_logging();
        Ok(Self { options, is_memory })
    }
}
