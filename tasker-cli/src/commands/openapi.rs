use clap::Args;
use tasker_core::api;

use crate::{failure::Exit, output::write_out};

/// Print the OpenAPI document of the server, for generators
#[derive(Debug, Args)]
pub(crate) struct OpenApi {}

impl OpenApi {
    pub(crate) fn run(&self) -> Exit {
        write_out(api::document().trim_end());
        Exit::Complete
    }
}
