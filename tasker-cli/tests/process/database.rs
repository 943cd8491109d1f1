//! Databases for tests.

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

/// The URL of the PostgreSQL that tests may use; none where there is none.
pub(crate) fn postgres() -> Option<String> {
    std::env::var("TASKER_TEST_DATABASE_URL").ok()
}

/// A database that goes when the test ends.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    pub(crate) url: String,
}

impl Database {
    pub(crate) fn create(server: &str) -> Self {
        let server: PgConnectOptions = server.parse().expect("a URL of PostgreSQL");
        let name = format!("tasker_crash_{}", uuid::Uuid::now_v7().simple());
        let url = server.clone().database(&name).to_url_lossy().to_string();
        let database = Self { server, name, url };
        database.execute(&format!("create database {}", database.name));
        database
    }

    /// In a thread of its own: a test that is async has a runtime already, in which no other can be waited for.
    fn execute(&self, sql: &str) {
        std::thread::scope(|scope| scope.spawn(|| self.execute_here(sql)).join())
            .expect("the statement is carried out");
    }

    fn execute_here(&self, sql: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut connection = PgConnection::connect_with(&self.server).await.expect("the server answers");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect(sql);
            connection.close().await.expect("it closes");
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.execute(&format!("drop database if exists {} with (force)", self.name));
    }
}
