//! The `tasker` command. One file for each command under `commands`; `output` and `failure` are how they speak.

mod args;
mod bench;
mod commands;
mod database;
mod failure;
mod follow;
#[cfg(test)]
mod manual;
mod nats;
mod otlp;
mod output;
mod reach;
mod settings;
mod span;
mod stop;
mod style;
mod table;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    let invocation = match args::parse() {
        Ok(invocation) => invocation,
        Err(exit) => return exit.into(),
    };
    let output = invocation.output();
    let ended = commands::run(invocation, &output);
    let exit = ended.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit
    });
    exit.into()
}
