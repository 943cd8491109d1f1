//! Runs the real command.

use std::{
    ffi::OsStr,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// How a run of the command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }

    /// The documents on stdout, one a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The code of the error on stderr.
    pub(crate) fn error_code(&self) -> String {
        let line = self.stderr.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", self.stderr));
        assert!(error["error"]["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "an error has a remedy");
        error["error"]["code"].as_str().expect("an error has a code").to_owned()
    }
}

/// The command in a folder, with none of the settings of whoever runs the tests.
pub(crate) fn command<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for variable in [
        "TASKER_API_URL",
        "TASKER_API_KEY",
        "DATABASE_URL",
        "TASKER_ENV",
        "TASKER_NAMESPACE",
        "TASKER_TEMPLATE_PATH",
        "TASKER_LOG",
        "TASKER_HTTP_ADDR",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ] {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn tasker<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Ran {
    ran(command(folder, arguments).output().expect("the command runs"))
}

/// Runs the command with a text on its standard input.
pub(crate) fn tasker_with_stdin(folder: &Path, arguments: &[&str], text: &str) -> Ran {
    let mut command = command(folder, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    // Taken, so that it is closed at the end of the statement.
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("the command reads");
    ran(child.wait_with_output().expect("the command ends"))
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}
