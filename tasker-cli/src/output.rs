//! What is printed: for people or as JSON, on a terminal or into a pipe.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use tasker_core::view::ErrorPage;

use crate::{
    failure::Failure,
    style::{Tone, paint},
};

/// `-o`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: colours and a live tree on a terminal, plain lines in a pipe.
    #[default]
    Human,
    /// One JSON document; JSON lines where things happen over time.
    Json,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
    is_terminal: bool,
    has_color: bool,
    has_error_color: bool,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        let wants_color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let is_terminal = io::stdout().is_terminal();
        Self {
            format,
            is_terminal,
            has_color: is_terminal && wants_color,
            has_error_color: io::stderr().is_terminal() && wants_color,
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether things may be redrawn in place.
    pub(crate) fn is_live(&self) -> bool {
        self.is_terminal && !self.is_json() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Columns that a line may have: those of the terminal; as many as it takes in a pipe.
    pub(crate) fn width(&self) -> usize {
        match crossterm::terminal::size() {
            Ok((columns, _)) if self.is_terminal && columns > 0 => columns.into(),
            _ => usize::MAX,
        }
    }

    pub(crate) fn has_color(&self) -> bool {
        self.has_color
    }

    pub(crate) fn paint(&self, text: &str, tone: Tone) -> String {
        paint(text, tone, self.has_color)
    }

    /// Prints a line for people.
    pub(crate) fn line(&self, text: &str) {
        if !self.is_json() {
            write_out(text);
        }
    }

    /// Prints a JSON document, in several lines where people may read it.
    pub(crate) fn document<T: Serialize>(&self, value: &T) {
        if self.is_json() {
            let text =
                if self.is_terminal { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
            write_json(text);
        }
    }

    /// Prints one line of a JSON stream.
    pub(crate) fn json_line<T: Serialize>(&self, value: &T) {
        if self.is_json() {
            write_json(serde_json::to_string(value));
        }
    }

    /// Prints the text to people, or the value to programs.
    pub(crate) fn either<T: Serialize>(&self, value: &T, text: impl FnOnce() -> String) {
        if self.is_json() {
            self.document(value);
        } else {
            write_out(text().trim_end_matches('\n'));
        }
    }

    /// Goes on below the `^C` that a terminal shows.
    pub(crate) fn break_line(&self) {
        if self.is_live() {
            write_out("");
        }
    }

    /// Says something beside the answer, on stderr, to people only.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_json() {
            let mark = paint("note:", Tone::Busy, self.has_error_color);
            let _ = writeln!(io::stderr(), "{mark} {text}");
        }
    }

    /// Tells why a command failed, on stderr.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut stderr = io::stderr().lock();
        // Where stderr is gone there is nobody to tell.
        if self.is_json() {
            let _ = writeln!(stderr, "{}", json!({"error": failure}));
            return;
        }
        let Failure { code, message, cause, remedy, .. } = failure;
        let head = paint(&format!("error[{code}]:"), Tone::Bad, self.has_error_color);
        let _ = writeln!(stderr, "{head} {message}");
        if let Some(cause) = cause {
            let _ = writeln!(stderr, "  cause: {}", cause.replace('\n', "\n         "));
        }
        let _ = writeln!(stderr, "  remedy: {remedy}");
        if ErrorPage::of(code).is_some() {
            let _ = writeln!(
                stderr,
                "  more: {}",
                paint(&format!("tasker explain {code}"), Tone::Dim, self.has_error_color)
            );
        }
    }
}

fn write_json(text: serde_json::Result<String>) {
    // Every document is made of types that can be written as JSON.
    write_out(
        &text.unwrap_or_else(|error| json!({"error": {"code": "output", "message": error.to_string()}}).to_string()),
    );
}

/// Writes to stdout. When the reader has gone away (`| head`) there is nobody to write for, and the process ends.
pub(crate) fn write_out(text: &str) {
    let mut stdout = io::stdout().lock();
    if writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}
