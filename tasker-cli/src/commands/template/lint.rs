use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tasker_core::template::{Fault, Template, parse};

use super::{Source, read_all};
use crate::{
    failure::{Exit, Failure, Result, plural},
    output::Output,
    settings::Settings,
    style::Tone,
};

/// Check templates, and name everything that is wrong with them
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// Files, folders, or - for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Linted {
    files: Vec<File>,
    faults: usize,
}

#[derive(Serialize)]
struct File {
    source_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Valid>,
    faults: Vec<Fault>,
}

/// What a template without faults is.
#[derive(Serialize)]
struct Valid {
    namespace: String,
    name: String,
    version: String,
    steps: usize,
}

impl Lint {
    pub(super) fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let files: Vec<_> = read_all(&self.files, settings)?.into_iter().map(File::of).collect();
        let faults = files.iter().map(|file| file.faults.len()).sum();
        let linted = Linted { files, faults };
        output.either(&linted, || linted.files.iter().map(|file| file.text(output)).collect());
        if faults == 0 {
            return Ok(Exit::Complete);
        }
        let faulty = linted.files.iter().filter(|file| !file.faults.is_empty()).count();
        let message = format!(
            "{faults} fault{} in {faulty} of {} file{}",
            plural(faults),
            linted.files.len(),
            plural(linted.files.len())
        );
        Err(Failure::new("template_invalid", message, "mend the places that are named, and lint again"))
    }
}

impl File {
    fn of(Source { name, text }: Source) -> Self {
        match parse(&text, &name) {
            Ok(template) => Self { source_name: name, template: Some(Valid::of(template)), faults: Vec::new() },
            Err(faults) => Self { source_name: name, template: None, faults: faults.faults },
        }
    }

    fn text(&self, output: &Output) -> String {
        if let Some(Valid { namespace, name, version, steps }) = &self.template {
            let mark = output.paint("✔", Tone::Good);
            return format!(
                "{mark} {}: {namespace}/{name} {version}, {steps} step{}\n",
                self.source_name,
                plural(*steps)
            );
        }
        let faults = self.faults.iter().map(|fault| {
            let place = format!("{}:{}:{}:", self.source_name, fault.line, fault.column);
            let code = output.paint(fault.code.as_str(), Tone::Bad);
            let remedy = output.paint(&fault.remedy, Tone::Dim);
            format!("{} {code}: {}\n    {remedy}\n", output.paint(&place, Tone::Bold), fault.message)
        });
        faults.collect()
    }
}

impl Valid {
    fn of(template: Template) -> Self {
        let steps = template.steps.len();
        Self { namespace: template.namespace, name: template.name, version: template.version, steps }
    }
}
