//! Every template is valid, and its handlers are there.

#![expect(clippy::unwrap_used, reason = "a template that cannot be read fails its test")]

use std::{collections::BTreeSet, fs};

use tasker_core::template::{Template, parse};
use tasker_examples::{EXAMPLES, registry};

#[test]
fn every_template_is_valid_and_called_like_its_folder() {
    let names: Vec<String> = parsed().into_iter().map(|template| template.name).collect();
    assert_eq!(names, EXAMPLES.map(|example| example.name));
}

#[test]
fn every_folder_with_cases_is_an_example() {
    let folders = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap().map(|entry| entry.unwrap().path());
    let with_cases = folders.filter(|folder| folder.join("cases.yaml").exists());
    let names: BTreeSet<_> = with_cases.map(|it| it.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, EXAMPLES.map(|example| example.name.to_owned()).into());
}

#[test]
fn templates_call_every_handler_and_no_other() {
    let templates = parsed();
    let called: BTreeSet<&str> = templates.iter().flat_map(callables).collect();
    let registry = registry();
    assert_eq!(registry.check(), Ok(()));
    assert_eq!(called, registry.names().map(AsRef::as_ref).collect());
}

#[test]
fn no_two_teams_share_a_namespace() {
    let templates = parsed();
    let namespaces: BTreeSet<&str> = templates.iter().map(|template| template.namespace.as_str()).collect();
    assert_eq!(namespaces.len(), EXAMPLES.len());
}

fn parsed() -> Vec<Template> {
    EXAMPLES.into_iter().map(|example| parse(example.template, example.name).unwrap()).collect()
}

fn callables(template: &Template) -> impl Iterator<Item = &str> {
    let compensations = template.steps.iter().filter_map(|step| Some(&step.compensate.as_ref()?.handler));
    let steps = template.steps.iter().chain(&template.finally).map(|step| &step.handler);
    steps.chain(compensations).filter(|handler| !handler.is_none()).map(|handler| handler.callable.as_str())
}
