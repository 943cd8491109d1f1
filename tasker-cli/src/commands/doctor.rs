use clap::Args;
use serde_json::json;
use tasker_core::orchestration::{Engine, Finding};

use crate::{
    database,
    failure::{Exit, Failure, Result, plural},
    output::Output,
    settings::Settings,
    style::Tone,
};

/// Check that what must always hold does hold in the database, and say what to do where it does not
///
/// It looks at the newest tasks, the queues, what is due, and the schema, and changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let store = database::existing(settings).await?;
        let engine = Engine::new(store, database::options(settings));
        let findings = engine.doctor().await?;
        output.document(&json!({"findings": findings}));
        findings.iter().for_each(|finding| show(finding, output));
        if findings.is_empty() {
            output.line(&format!("{} all is as it should be", output.paint("✔", Tone::Good)));
            return Ok(Exit::Complete);
        }
        let count = findings.len();
        let message = format!("{count} finding{} in {}", plural(count), engine.store().describe());
        Err(Failure::new("unhealthy", message, "do what stands with each finding, then look again"))
    }
}

fn show(Finding { code, what, places, remedy }: &Finding, output: &Output) {
    output.line(&format!("{} {}: {what}", output.paint("✘", Tone::Bad), output.paint(code, Tone::Bold)));
    for place in places {
        output.line(&format!("    {place}"));
    }
    output.line(&format!("  remedy: {remedy}"));
}
