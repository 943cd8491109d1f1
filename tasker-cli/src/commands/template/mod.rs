//! `tasker template`: files and registered versions of templates.

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
    database,
    failure::{Exit, Result},
    output::Output,
    settings::Settings,
};

/// Check, show, draw and register workflow templates
#[derive(Debug, Subcommand)]
pub(crate) enum Template {
    Lint(lint::Lint),
    Show(show::Show),
    Graph(graph::Graph),
    Register(register::Register),
    List(list::List),
}

impl Template {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        match self {
            Self::Lint(lint) => lint.run(settings, output),
            Self::Show(show) => show.run(settings, output).await,
            Self::Graph(graph) => graph.run(settings, output).await,
            Self::Register(register) => register.run(settings, output).await,
            Self::List(list) => list.run(settings, output).await,
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
    let engine = database::engine(settings).await?;
    Ok(engine.template(&namespace, &name, version.as_deref()).await?.template)
}
