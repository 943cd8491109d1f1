//! `tasker dev`: the example handlers in a process of their own.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::command::command;

/// A worker process, which is killed at the latest when the test ends.
pub(crate) struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let arguments = [&["dev", "-o", "json"], arguments].concat();
        let mut child = command(folder, &arguments).stdout(Stdio::piped()).spawn().expect("the worker starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    /// Reads what the worker says until it says this.
    pub(crate) fn read_until(&mut self, is_it: impl Fn(&Value) -> bool) {
        let found = self.lines.by_ref().map_while(Result::ok).any(|line| {
            let line: Value = serde_json::from_str(&line).expect("a line of JSON");
            is_it(&line)
        });
        assert!(found, "the worker ended before that");
    }

    /// As `kill` does: waits until what it has begun has ended.
    pub(crate) fn terminate(&mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        self.read_until(|line| line["type"] == "worker.stopped");
        assert!(self.child.wait().expect("it ends").success());
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that is dead already is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
