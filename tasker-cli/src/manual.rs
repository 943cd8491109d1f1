//! The reference of the command line, docs/reference/cli.md: made of the definition of the arguments.

use std::fmt::Write;

use clap::Command;

/// Columns of the help texts.
const WIDTH: usize = 110;

/// The whole reference, as Markdown.
fn manual(command: Command) -> String {
    let mut command = command.term_width(WIDTH);
    command.build();
    let mut text = String::from(
        "# The command line\n\nMade from the command's own help by `TASKER_BLESS=1 cargo test -p tasker-cli manual`; do not edit it by hand.\n",
    );
    section(&mut command, &mut text);
    text
}

fn section(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for inner in command.get_subcommands_mut() {
        section(inner, text);
    }
}

#[test]
fn the_manual_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cli.md");
    let made = manual(crate::args::command());
    if std::env::var_os("TASKER_BLESS").is_some() {
        std::fs::write(path, &made).expect("the manual can be written");
    }
    let kept = std::fs::read_to_string(path).expect("the manual is there");
    assert!(made == kept, "docs/reference/cli.md is not what the command says: see TASKER_BLESS in CONTRIBUTING.md");
}
