//! Databases for tests.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

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

/// A server of PostgreSQL that a test may crash, and that keeps what it has acknowledged. Gone when the test ends.
pub(crate) struct Cluster {
    process: Child,
    pub(crate) url: String,
    crash: String,
}

impl Cluster {
    /// None where the other tests have no PostgreSQL either.
    pub(crate) fn start() -> Option<Self> {
        postgres()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/with-postgres.sh");
        // It goes when its standard input ends.
        let tell = "echo \"$TASKER_TEST_DATABASE_URL\"; echo \"$TASKER_TEST_DATABASE_CRASH\"; cat";
        let mut process = Command::new(script)
            .args(["sh", "-c", tell])
            .env("TASKER_PG_DURABLE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let mut line = || lines.next().expect("it says where it is").expect("a line");
        let (url, crash) = (line(), line());
        Some(Self { process, url, crash })
    }

    /// Ends it as a crash does, and starts it again.
    pub(crate) fn crash(&self) {
        assert!(Command::new(&self.crash).stdout(Stdio::null()).status().expect("it runs").success());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It says itself what goes wrong.
        let _ = self.process.wait();
    }
}
