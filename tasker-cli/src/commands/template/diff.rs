use clap::Args;
use serde_json::Value;
use tasker_core::view::{Change, ChangeKind, TemplateDiff};

use super::find;
use crate::{
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
    style::Tone,
};

/// Show what changed between two templates
///
///   tasker template diff shop/order@1.0.0 shop/order     two registered versions
///   tasker template diff shop/order order.yaml           what registering this file would change
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Diff {
    /// What it was: a file, - for standard input, or a registered template: namespace/name[@version]
    from: String,
    /// What it is now
    to: String,
}

const VALUE_CHARACTERS: usize = 200;

impl Diff {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let from = find(&self.from, settings).await?;
        let to = find(&self.to, settings).await?;
        let diff = TemplateDiff::of(&from, &to);
        output.either(&diff, || text(&diff, output));
        Ok(Exit::Complete)
    }
}

fn text(diff: &TemplateDiff, output: &Output) -> String {
    let TemplateDiff { namespace, name, from, to, changes } = diff;
    let heading = output.paint(&format!("{namespace}/{name} {from} -> {to}"), Tone::Bold);
    if changes.is_empty() {
        return format!("{heading}\n  they say the same");
    }
    let lines = changes.iter().map(|change| format!("\n{}", line(change, output)));
    heading + &lines.collect::<String>()
}

fn line(Change { kind, path, before, after }: &Change, output: &Output) -> String {
    let value = |value: &Option<Value>| {
        let text = value.as_ref().map(Value::to_string).unwrap_or_default();
        text.chars().take(VALUE_CHARACTERS).collect::<String>()
    };
    match kind {
        ChangeKind::Added => output.paint(&format!("+ {path}: {}", value(after)), Tone::Good),
        ChangeKind::Removed => output.paint(&format!("- {path}: {}", value(before)), Tone::Bad),
        ChangeKind::Changed => {
            format!("{} {path}: {} -> {}", output.paint("~", Tone::Warning), value(before), value(after))
        }
    }
}
