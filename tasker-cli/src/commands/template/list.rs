use clap::Args;
use serde_json::json;

use crate::{
    database,
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
    style::Tone,
};

/// List the registered templates
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only the versions of this name
    #[arg(long)]
    name: Option<String>,
}

impl List {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let engine = database::engine(settings).await?;
        let templates = engine.templates(settings.namespace.as_deref(), self.name.as_deref()).await?;
        if output.is_json() {
            output.document(&json!({"items": templates}));
            return Ok(Exit::Complete);
        }
        if templates.is_empty() {
            output.note("no template is registered: `tasker template register FILE` does it");
        }
        let width = templates.iter().map(|found| found.namespace.len() + found.name.len() + 1).max().unwrap_or(0);
        for template in templates {
            let name = format!("{}/{}", template.namespace, template.name);
            let about = template.description.unwrap_or_default();
            let about = about.lines().next().unwrap_or_default();
            let line = format!("{name:width$}  {:8}  {}", template.version, output.paint(about, Tone::Dim));
            output.line(line.trim_end());
        }
        Ok(Exit::Complete)
    }
}
