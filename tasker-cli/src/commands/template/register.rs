use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use tasker_worker::{Client, client::RegisteredView};

use super::{Source, read_all};
use crate::{
    failure::{Exit, Failure, Result, plural},
    output::Output,
    reach,
    settings::Settings,
    style::Tone,
};

/// Register templates: check them, and store those that are new
///
/// A registered version never changes; the same content again is no fault.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Files, folders, or - for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What became of one file.
#[derive(Debug, Serialize)]
pub(crate) struct Registration {
    pub(crate) source_name: String,
    #[serde(flatten)]
    pub(crate) registered: RegisteredView,
}

impl Register {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let sources = read_all(&self.files, settings)?;
        let client = reach::client(settings).await?;
        let (mut done, mut failures) = (Vec::new(), Vec::new());
        for source in &sources {
            match register(&client, source).await {
                Ok(registration) => {
                    output.line(&registration.text(output));
                    done.push(registration);
                }
                Err(failure) => failures.push(failure),
            }
        }
        output.document(&json!({"items": done}));
        let Some(last) = failures.pop() else { return Ok(Exit::Complete) };
        failures.iter().for_each(|failure| output.failure(failure));
        Err(last)
    }
}

/// Checks one template and registers it.
pub(crate) async fn register(client: &Client, source: &Source) -> Result<Registration> {
    let registered = client.register_template(&source.text, &source.name).await.map_err(|error| {
        let failure: Box<Failure> = error.into();
        Box::new(Failure { message: format!("{}: {}", source.name, failure.message), ..*failure })
    })?;
    Ok(Registration { source_name: source.name.clone(), registered })
}

impl Registration {
    pub(crate) fn text(&self, output: &Output) -> String {
        let RegisteredView { namespace, name, version, steps, is_new, .. } = &self.registered;
        let (mark, word) = if *is_new { ("✔", "registered") } else { ("=", "unchanged") };
        let mark = output.paint(mark, Tone::Good);
        format!("{mark} {namespace}/{name} {version}  {word}, {steps} step{}", plural(*steps))
    }
}
