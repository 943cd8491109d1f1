use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use tasker_core::{
    model::TemplateId,
    orchestration::{self, Engine},
    template::parse,
};

use super::{Source, read_all};
use crate::{
    database,
    failure::{Exit, Failure, Result, plural},
    output::Output,
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
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) steps: usize,
    pub(crate) template_id: TemplateId,
    /// False if the same content was registered before.
    pub(crate) is_new: bool,
}

impl Register {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let sources = read_all(&self.files, settings)?;
        let engine = database::engine(settings).await?;
        let (mut done, mut failures) = (Vec::new(), Vec::new());
        for source in &sources {
            match register(&engine, source).await {
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
pub(crate) async fn register(engine: &Engine, source: &Source) -> Result<Registration> {
    let template = parse(&source.text, &source.name).map_err(orchestration::Error::from)?;
    let registered = engine.register(&template).await.map_err(|error| {
        let failure: Box<Failure> = error.into();
        Box::new(Failure { message: format!("{}: {}", source.name, failure.message), ..*failure })
    })?;
    Ok(Registration {
        source_name: source.name.clone(),
        namespace: template.namespace,
        name: template.name,
        version: template.version,
        steps: template.steps.len(),
        template_id: registered.id,
        is_new: registered.is_new,
    })
}

impl Registration {
    pub(crate) fn text(&self, output: &Output) -> String {
        let Self { namespace, name, version, steps, .. } = self;
        let (mark, word) = if self.is_new { ("✔", "registered") } else { ("=", "unchanged") };
        let mark = output.paint(mark, Tone::Good);
        format!("{mark} {namespace}/{name} {version}  {word}, {steps} step{}", plural(*steps))
    }
}
