use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, Postgres,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    query::Query,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    model::Timestamp,
    store::{Error, Pool, Result},
};

/// After this the server's side of a connection is made anew, and with it what it has cached.
const AGE_MAX: Duration = Duration::from_secs(30 * 60);

/// How long a reading of the database's clock is good for.
const TIME_KNOWN: Duration = Duration::from_secs(10);

/// The connections of the hot statements.
///
/// sqlx's pool hands out the connection that has rested longest, and asks the server for a sign of life each time one comes
/// back: a lone chain of steps then wanders over cold connections, with a round trip more for each step. Here the last one
/// used goes out first, and one that was not given back in order (an error, a dropped call) is closed, so that nobody
/// finds another's transaction on it.
pub(super) struct Hot {
    options: PgConnectOptions,
    idle: Mutex<Vec<Aged>>,
    room: Arc<Semaphore>,
    limit: usize,
    /// What the database's clock said last, and when that was here.
    time: Mutex<Option<(Timestamp, Instant)>>,
}

struct Aged {
    connection: PgConnection,
    since: Instant,
}

/// A connection that is in use; dropped without [`Taken::give_back`], it is closed.
pub(super) struct Taken {
    aged: Aged,
    home: Arc<Hot>,
    _room: OwnedSemaphorePermit,
}

impl Hot {
    pub(super) fn new(options: PgConnectOptions, connections_max: usize) -> Arc<Self> {
        Arc::new(Self {
            options,
            idle: Mutex::default(),
            room: Arc::new(Semaphore::new(connections_max)),
            limit: connections_max,
            time: Mutex::default(),
        })
    }

    pub(super) async fn take(self: &Arc<Self>) -> Result<Taken> {
        let room = Arc::clone(&self.room).acquire_owned().await;
        let room = room.map_err(|_| Error::Unavailable("the database was closed".to_owned()))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let aged = match idle {
            Some(idle) => idle,
            None => Aged { connection: self.options.connect().await?, since: Instant::now() },
        };
        Ok(Taken { aged, home: Arc::clone(self), _room: room })
    }

    /// Every row that one statement answers with.
    pub(super) async fn fetch(self: &Arc<Self>, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        let mut taken = self.take().await?;
        let rows = query.fetch_all(&mut *taken).await;
        if matches!(rows, Ok(_) | Err(sqlx::Error::Database(_))) {
            taken.give_back();
        } else {
            // The server has gone, and with it every other connection.
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(rows?)
    }

    /// The database's clock, if it was read so lately that this machine's cannot have drifted from it; behind by at most the
    /// way of an answer.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let (said, at) = (*self.time.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since = at.elapsed();
        (since < TIME_KNOWN).then(|| said + since)
    }

    pub(super) fn pool(&self) -> Pool {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        let busy = self.limit.saturating_sub(self.room.available_permits());
        Pool { name: "hot", busy: busy as u64, idle: idle as u64, limit: self.limit as u64 }
    }

    pub(super) async fn close(&self) {
        self.room.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for Aged { connection, .. } in idle {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a connection did not close cleanly");
            }
        }
    }
}

impl Taken {
    /// Executes a statement that takes and gives nothing, such as `begin`.
    pub(super) async fn say(&mut self, statement: &'static str) -> Result<()> {
        self.aged.connection.execute(statement).await?;
        Ok(())
    }

    /// The database has just said what time it is; zero for nothing said.
    pub(super) fn tell_time(&self, now: Timestamp) {
        if now.as_micros() > 0 {
            *self.home.time.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
        }
    }

    pub(super) fn give_back(self) {
        let Self { aged, home, _room } = self;
        if aged.since.elapsed() < AGE_MAX && !home.room.is_closed() {
            home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(aged);
        }
    }
}

impl Deref for Taken {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.aged.connection
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.aged.connection
    }
}
