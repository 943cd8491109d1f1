use clap::{Args, ValueEnum};
use serde_json::json;
use tasker_core::dag;

use super::find;
use crate::{
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
};

/// Draw the graph of a template
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// A file, - for standard input, or a registered template: namespace/name[@version]
    template: String,
    /// How to draw it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// The steps in layers, each of which can run when those above it are done
    Text,
    /// A Mermaid flowchart, for Markdown and wikis
    Mermaid,
}

impl Graph {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let template = find(&self.template, settings).await?;
        if output.is_json() {
            let steps = template.steps.iter().map(|step| json!({"name": step.name, "dependencies": step.dependencies}));
            output.document(&json!({"namespace": template.namespace, "name": template.name,
                "version": template.version, "steps": steps.collect::<Vec<_>>()}));
            return Ok(Exit::Complete);
        }
        let drawn = match self.format {
            Format::Text => dag::text(&template),
            Format::Mermaid => dag::mermaid(&template),
        };
        output.line(drawn.trim_end());
        Ok(Exit::Complete)
    }
}
