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
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

use crate::store::{Error, Pool, Result};

const READERS: usize = 4;
/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two tries to open a file that others are opening.
const OPEN_AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));
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
        let writer = Mutex::new(Some(connect(&options).await?));
        let mut readers = Vec::new();
        while readers.len() < READERS && !is_memory {
            let options = options.clone().create_if_missing(false).pragma("query_only", "on");
            readers.push(Mutex::new(Some(connect(&options).await?)));
        }
        Ok(Self { options, writer, readers: readers.into(), next_reader: AtomicUsize::new(0) })
    }

    pub(super) async fn writer(&self) -> Result<Writer<'_>> {
        let connection = self.writer.lock().await;
        let reconnect = (!self.readers.is_empty()).then_some(&self.options);
        if connection.is_some() { Ok(Writer { connection, reconnect }) } else { Err(closed()) }
    }

    /// Every row that a query which only reads answers with.
    pub(super) async fn fetch(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>> {
        let mut reader = self.reader().await;
        Ok(query.fetch_all(reader.as_mut().ok_or_else(closed)?).await?)
    }

    pub(super) fn describe(&self) -> String {
        self.options.get_filename().display().to_string()
    }

    pub(super) fn pools(&self) -> Vec<Pool> {
        let pool = |name, connections: &[Mutex<Option<SqliteConnection>>]| {
            let busy = connections.iter().filter(|connection| connection.try_lock().is_err()).count() as u64;
            let limit = connections.len() as u64;
            Pool { name, busy, idle: limit - busy, limit }
        };
        vec![pool("writer", std::slice::from_ref(&self.writer)), pool("readers", &self.readers)]
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
pub(super) struct Writer<'a> {
    connection: MutexGuard<'a, Option<SqliteConnection>>,
    /// None for a database in memory, which would be lost.
    reconnect: Option<&'a SqliteConnectOptions>,
}

impl Writer<'_> {
    /// Opens a transaction that already has the lock to write, so that it cannot fail for want of it later.
    pub(super) async fn begin(&mut self) -> Result<sqlx::Transaction<'_, Sqlite>> {
        Ok(self.idle().await?.begin_with("begin immediate").await?)
    }

    /// The connection, on which no transaction is open.
    pub(super) async fn idle(&mut self) -> Result<&mut SqliteConnection> {
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        if connection.is_in_transaction() {
            // A call was dropped and its rollback is still on its way, which an answer to a ping follows. Otherwise
            // SQLite rolled back by itself (the disk was full), and the driver waits for the end of that for ever.
            let is_stuck = connection.ping().await.is_err() || connection.is_in_transaction();
            if let (true, Some(options)) = (is_stuck, self.reconnect) {
                *connection = connect(options).await?;
            }
        }
        Ok(connection)
    }
}

/// Opens a connection. Turning a new file to WAL takes a lock that SQLite does not wait for, whatever its busy timeout, where
/// another process does the same at that moment; nor does it wait for one that is closing the file as the last.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    let until = Instant::now() + BUSY_TIMEOUT;
    let mut pause = OPEN_AGAIN.0;
    loop {
        match options.connect().await {
            Err(error) if is_busy(&error) && Instant::now() < until => {}
            connected => return Ok(connected?),
        }
        sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(OPEN_AGAIN.1);
    }
}

/// `SQLITE_BUSY` and its kin, which have it in their low byte.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|refusal| refusal.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
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
            .pragma("cache_size", "-16384")
            .pragma("mmap_size", "67108864")
            .row_buffer_size(ROWS_AHEAD)
            .disable_statement_logging();
        Ok(Self { options, is_memory })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        model::SystemClock,
        store::{SqliteStore, Store},
    };

    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_does_not_block_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let connections = Connections::open(&format!("sqlite:{}/a.db", folder.path().display())).await.unwrap();
        let mut writer = connections.writer().await.unwrap();
        let mut transaction = writer.begin().await.unwrap();
        sqlx::query("rollback").execute(&mut *transaction).await.unwrap();
        drop(transaction);
        writer.begin().await.unwrap().commit().await.unwrap();
    }

    /// Each with connections of its own, as in processes of their own: SQLite's locks do not tell these apart.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_open_and_migrate_a_new_file_at_once() {
        for round in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}/new.db", folder.path().display());
            let opened = (0..8).map(|_| {
                let url = url.clone();
                tokio::spawn(async move {
                    let store = SqliteStore::open(&url, Arc::new(SystemClock)).await?;
                    let migrated = store.migrate().await?.len();
                    store.close().await;
                    Ok::<_, Error>(migrated)
                })
            });
            for opened in join_all(opened).await {
                opened.unwrap().unwrap_or_else(|error| panic!("round {round}: {error}"));
            }
        }
    }

    #[test]
    fn urls_that_name_no_database_are_refused() {
        for url in ["sqlite:", "sqlite:///", "postgres://a/b", "sqlite:a.db?synchronous=off", "sqlite:a.db?mode=ro"] {
            assert!(matches!(url.parse::<Address>(), Err(Error::Url(_))), "{url}");
        }
        for (url, is_memory) in
            [("sqlite::memory:", true), ("sqlite:a.db?synchronous=normal", false), ("sqlite:///a", false)]
        {
            assert_eq!(url.parse::<Address>().unwrap().is_memory, is_memory, "{url}");
        }
    }
}
