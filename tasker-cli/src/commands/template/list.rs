use clap::Args;
use serde_json::json;

use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    style::Tone,
    table::Table,
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
        let client = reach::client(settings).await?;
        let templates = client.templates(settings.namespace.as_deref(), self.name.as_deref()).await?;
        if output.is_json() {
            output.document(&json!({"items": templates}));
            return Ok(Exit::Complete);
        }
        if templates.is_empty() {
            output.note("no template is registered: `tasker template register FILE` does it");
        }
        let mut table = Table::new(&["TEMPLATE", "VERSION", "ABOUT"]);
        for template in templates {
            let about = template.description.unwrap_or_default();
            table.row([
                (format!("{}/{}", template.namespace, template.name), Tone::Plain),
                (template.version, Tone::Plain),
                (about.lines().next().unwrap_or_default().to_owned(), Tone::Dim),
            ]);
        }
        table.print(output);
        Ok(Exit::Complete)
    }
}
