//! NATS servers for tests: real processes on free ports of 127.0.0.1, ended and removed with the value that stands for them.

#![expect(clippy::unwrap_used, reason = "a test that has no server fails")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use uuid::Uuid;

/// One server with JetStream.
pub struct NatsServer {
    child: Option<Child>,
    folder: PathBuf,
    port: u16,
    more: Vec<String>,
}

/// The program; none if it is not installed.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("TASKER_NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = named.or_else(|| found.map(|folder| folder.join("nats-server")).find(|file| file.is_file()));
    if found.is_none() {
        eprintln!("not run: nats-server is missing; scripts/install-packages.sh nats installs it");
    }
    found
}

impl NatsServer {
    /// A server that answers; none, with a word on stderr, if the program is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        program()?;
        let mut server = Self::stopped();
        server.restart();
        Some(server)
    }

    /// One that lets in who says these words; none if the program is not installed.
    #[must_use]
    pub fn guarded(user: &str, password: &str) -> Option<Self> {
        program()?;
        let mut server = Self::stopped();
        server.more = ["--user", user, "--pass", password].map(str::to_owned).to_vec();
        server.restart();
        Some(server)
    }

    /// One that has a port and is not started yet.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn stopped() -> Self {
        let folder = std::env::temp_dir().join(format!("tasker-nats-{}", Uuid::now_v7().simple()));
        Self { child: None, folder, port: free_port(), more: Vec::new() }
    }

    /// Whether servers can be started.
    #[must_use]
    pub fn is_installed() -> bool {
        program().is_some()
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it again where it was, with what it had stored.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let mut child = Command::new(program().unwrap())
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--jetstream", "--store_dir"])
            .arg(&self.folder)
            .args(&self.more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let is_ready = log.by_ref().any(|line| {
            let is_ready = line.contains("Server is ready");
            said.push(line);
            is_ready
        });
        assert!(is_ready, "nats-server did not start: {said:#?}");
        // Who stops reading stops the server, when the pipe is full.
        thread::spawn(move || log.for_each(drop));
        self.child = Some(child);
    }

    /// Ends it in the middle of whatever it does.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it, and removes what it had stored.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn wipe(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.folder).unwrap();
    }

    /// Sends it a signal by name: `STOP`, `CONT`.
    ///
    /// # Panics
    /// When it is not running.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        // It may never have been started.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Servers that make up a cluster. Any of them may be killed and started again.
///
/// # Panics
/// When one does not start.
#[must_use]
pub fn cluster(size: usize) -> Option<Vec<NatsServer>> {
    program()?;
    let mut servers: Vec<_> = (0..size).map(|_| NatsServer::stopped()).collect();
    let ports: Vec<_> = servers.iter().map(|_| free_port()).collect();
    let routes: Vec<_> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    for (at, server) in servers.iter_mut().enumerate() {
        let name = format!("node{at}");
        let words =
            ["--name", &name, "--cluster_name", "tasker", "--cluster", &routes[at], "--routes", &routes.join(",")];
        server.more = words.map(str::to_owned).to_vec();
    }
    servers.iter_mut().for_each(NatsServer::restart);
    Some(servers)
}

/// Below the range from which systems take the ports of outgoing connections.
fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(20_000..32_000));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
