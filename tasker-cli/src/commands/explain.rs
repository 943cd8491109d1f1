use clap::Args;
use serde_json::json;
use tasker_core::view::ErrorPage;

use crate::{
    failure::{Exit, Failure, Result},
    output::Output,
    style::Tone,
};

/// Explain the code of an error: its cause, and what to do
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, as it stands in `error[CODE]`; without one, all codes are listed
    code: Option<String>,
}

impl Explain {
    pub(crate) fn run(&self, output: &Output) -> Result<Exit> {
        match &self.code {
            Some(code) => explain(code.trim_start_matches("error[").trim_end_matches(']'), output)?,
            None => list(output),
        }
        Ok(Exit::Complete)
    }
}

fn explain(code: &str, output: &Output) -> Result<()> {
    let Some(entry) = ErrorPage::of(code) else {
        return Err(Failure::usage(format!("no error has the code `{code}`"), "`tasker explain` lists them all"));
    };
    output.either(&json!({"code": entry.code, "page": entry.page, "text": entry.text}), || {
        format!("{}\n\n{}", output.paint(entry.code, Tone::Bold), entry.text)
    });
    Ok(())
}

fn list(output: &Output) {
    let items: Vec<_> = ErrorPage::all().map(|entry| json!({"code": entry.code, "page": entry.page})).collect();
    output.document(&json!({"items": items}));
    let mut page = "";
    for entry in ErrorPage::all() {
        if entry.page != page {
            page = entry.page;
            output.line(&output.paint(page, Tone::Bold));
        }
        let cause = entry.text.lines().next().unwrap_or_default();
        output.line(&format!("  {:24}{}", entry.code, output.paint(cause, Tone::Dim)));
    }
}
