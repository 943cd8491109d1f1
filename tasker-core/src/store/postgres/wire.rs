use async_trait::async_trait;
use sqlx::{
    Executor,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use super::{PATIENCE, sql, within};
use crate::store::{Error, Result, Wire};

/// NOTIFY on a connection of its own: at commit it takes a lock that the whole cluster shares, which no transaction that moves
/// tasks may wait for.
pub(super) struct PostgresWire(PgListener);

/// One for each database, like everything in it.
const CHANNEL: &str = "tasker";

impl PostgresWire {
    pub(super) async fn connect(options: &PgConnectOptions) -> Result<Self> {
        // Nothing that is sent here has to outlive a crash.
        let options = options.clone().application_name("tasker wake-ups").options([("synchronous_commit", "off")]);
        let one =
            PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None).acquire_timeout(PATIENCE);
        let mut listener = PgListener::connect_with(&one.connect_with(options).await?).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }
}

#[async_trait]
impl Wire for PostgresWire {
    async fn send(&mut self, text: &str) -> Result<()> {
        within(async {
            self.0.execute(sqlx::query(sql::NOTIFY.sql()).bind(CHANNEL).bind(text)).await?;
            Ok(())
        })
        .await
    }

    async fn next(&mut self) -> Result<String> {
        let lost = || Error::Unavailable("the connection that carries wake-ups was lost".to_owned());
        Ok(self.0.try_recv().await?.ok_or_else(lost)?.payload().to_owned())
    }
}
