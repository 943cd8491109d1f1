use clap::Args;
use tasker_core::template::to_yaml;

use super::find;
use crate::{
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
};

/// Show a template in its canonical form: aliases resolved, defaults left out (with -o json: filled in)
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A file, - for standard input, or a registered template: namespace/name[@version]
    template: String,
}

impl Show {
    pub(super) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let template = find(&self.template, settings).await?;
        output.either(&template, || to_yaml(&template));
        Ok(Exit::Complete)
    }
}
