//! `tasker template`: files and registered versions of templates.

mod diff;
mod files;
mod graph;
mod lint;
mod list;
mod register;
mod show;

use clap::Subcommand;
use tasker_core::{orchestration, template};

use files::read_all;
pub(crate) use files::{Source, read, template_files};
pub(crate) use register::register;

use super::reference::Reference;
use crate::{
    failure::{Exit, Failure, Result},
    output::Output,
    reach,
    settings::Settings,
};

/// Check, show, draw, compare and register workflow templates
#[derive(Debug, Subcommand)]
pub(crate) enum Template {
    Lint(lint::Lint),
    Show(show::Show),
    Graph(graph::Graph),
    Register(register::Register),
    List(list::List),
    Diff(diff::Diff),
}

impl Template {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        match self {
            Self::Lint(lint) => lint.run(settings, output),
            Self::Show(show) => show.run(settings, output).await,
            Self::Graph(graph) => graph.run(settings, output).await,
            Self::Register(register) => register.run(settings, output).await,
            Self::List(list) => list.run(settings, output).await,
            Self::Diff(diff) => diff.run(settings, output).await,
        }
    }
}

/// The template that an argument means: a file, `-` for standard input, or a registered one.
async fn find(argument: &str, settings: &Settings) -> Result<template::Template> {
    if let Some(source) = files::as_file(argument) {
        let source = source?;
        return Ok(template::parse(&source.text, &source.name).map_err(orchestration::Error::from)?);
    }
    let Reference { namespace, name, version } = Reference::parse(argument, settings)?;
    let found = reach::client(settings).await?.template(&namespace, &name, version.as_deref()).await?;
    found.definition.ok_or_else(|| {
        let remedy = "check that server and command are of like versions";
        Failure::new("answer_unreadable", "the server's answer has no definition", remedy)
    })
}
