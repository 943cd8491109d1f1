use clap::Args;
use clap_complete::{Shell, generate};

use crate::{args, failure::Exit, output::write_out};

/// Print the completions of a shell
///
///   bash:  tasker completions bash > ~/.local/share/bash-completion/completions/tasker
///   zsh:   tasker completions zsh > "${fpath[1]}/_tasker"
///   fish:  tasker completions fish > ~/.config/fish/completions/tasker.fish
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Exit {
        let mut script = Vec::new();
        generate(self.shell, &mut args::command(), "tasker", &mut script);
        write_out(String::from_utf8_lossy(&script).trim_end());
        Exit::Complete
    }
}
