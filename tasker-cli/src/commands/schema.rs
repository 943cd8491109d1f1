use clap::{Args, ValueEnum};
use tasker_core::template;
use tasker_worker::protocol;

use crate::{
    failure::Exit,
    output::{Output, write_out},
};

/// Print the JSON Schemas, for editors and generators
///
/// In an editor that knows YAML, write this as the first line of a template:
///   # yaml-language-server: $schema=template.schema.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Schema {
    /// Of what
    #[arg(value_enum)]
    subject: Subject,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Subject {
    /// The template, as people write it in YAML
    Template,
    /// What passes between a worker's runtime and handlers in any language
    Protocol,
}

impl Schema {
    pub(crate) fn run(&self, output: &Output) -> Exit {
        let schema = match self.subject {
            Subject::Template => template::json_schema(),
            Subject::Protocol => protocol::schema(),
        };
        if output.is_json() {
            output.document(&schema);
        } else {
            write_out(&format!("{schema:#}"));
        }
        Exit::Complete
    }
}
