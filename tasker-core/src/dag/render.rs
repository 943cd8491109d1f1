use std::{collections::HashMap, fmt::Write};

use super::Graph;
use crate::template::{StepKind, StepTemplate, Template};

/// The graph as a Mermaid flowchart; arrows lead from a step to those that wait for it. Steps that run in parts are
/// slanted.
#[must_use]
pub fn mermaid(template: &Template) -> String {
    let mut text = String::from("flowchart TD\n");
    for (index, step) in template.steps.iter().enumerate() {
        // Writing to a String cannot fail.
        let [open, close] = shape(step.kind);
        let _ = writeln!(text, "    s{index}{open}\"{}\"{close}", escaped(&step.name));
    }
    let index_of: HashMap<&str, usize> = template.steps.iter().map(|step| step.name.as_str()).zip(0..).collect();
    for (index, step) in template.steps.iter().enumerate() {
        for dependency in &step.dependencies {
            if let Some(from) = index_of.get(dependency.as_str()) {
                let _ = writeln!(text, "    s{from} --> s{index}");
            }
        }
    }
    for (index, step) in template.steps.iter().enumerate().filter(|(_, step)| step.compensate.is_some()) {
        let _ = writeln!(text, "    c{index}([\"undo {}\"])\n    s{index} -.-> c{index}", escaped(&step.name));
    }
    if !template.finally.is_empty() {
        text.push_str(&finally(template));
    }
    text
}

/// The form that tells what kind of node it is.
fn shape(kind: StepKind) -> [&'static str; 2] {
    match kind {
        StepKind::Decision => ["{", "}"],
        StepKind::Wait => ["([", "])"],
        StepKind::Workflow => ["[[", "]]"],
        StepKind::BatchWorker => ["[/", "/]"],
        StepKind::Standard | StepKind::DeferredConvergence | StepKind::Batchable => ["[", "]"],
    }
}

/// The steps that run last, in a box of their own.
fn finally(template: &Template) -> String {
    let mut text = String::from("    subgraph finally\n");
    let place = |name: &str| template.finally.iter().position(|step| step.name == name);
    for (index, step) in template.finally.iter().enumerate() {
        let _ = writeln!(text, "        f{index}[\"{}\"]", escaped(&step.name));
        for from in step.dependencies.iter().filter_map(|name| place(name)) {
            let _ = writeln!(text, "        f{from} --> f{index}");
        }
    }
    text + "    end\n"
}

/// The graph as text for a terminal: the steps in layers, of which each can run when those above it are done.
///
/// ```text
/// 1  extract_orders
///    extract_users
/// 2  join  <- extract_orders, extract_users
/// ```
#[must_use]
pub fn text(template: &Template) -> String {
    let layers = match Graph::new(template) {
        Ok(graph) => layers(&graph),
        Err(error) => return format!("no graph: {error}\n"),
    };
    let number_width = layers.len().to_string().len();
    let name_of = |step: u32| template.steps[step as usize].name.as_str();
    let mut text = String::new();
    for (number, layer) in (1..).zip(&layers) {
        let width = layer.iter().map(|step| name_of(*step).len()).max().unwrap_or(0);
        for (position, step) in layer.iter().enumerate() {
            let number = if position == 0 { number.to_string() } else { String::new() };
            let dependencies = template.steps[*step as usize].dependencies.join(", ");
            let line = match dependencies.as_str() {
                "" => format!("{number:>number_width$}  {}", name_of(*step)),
                _ => format!("{number:>number_width$}  {:width$}  <- {dependencies}", name_of(*step)),
            };
            text.push_str(&line);
            text.push_str(&note(&template.steps[*step as usize]));
            text.push('\n');
        }
    }
    for step in &template.finally {
        text.push_str(&format!("finally  {}{}\n", step.name, note(step)));
    }
    text
}

/// What a step is besides code that runs after its dependencies.
fn note(step: &StepTemplate) -> String {
    let mut notes = Vec::new();
    match step.kind {
        StepKind::Standard => {}
        StepKind::Decision => notes.push("decision".to_owned()),
        StepKind::DeferredConvergence => notes.push("after the branches that ran".to_owned()),
        StepKind::Wait => notes.push("wait".to_owned()),
        StepKind::Batchable => notes.push("splits the work".to_owned()),
        StepKind::BatchWorker => {
            notes.push(
                step.for_each.as_ref().map_or_else(|| "in parts".to_owned(), |list| format!("for each of {list}")),
            );
        }
        StepKind::Workflow => {
            notes.extend(step.workflow.as_ref().map(|it| format!("runs {}/{}", it.namespace, it.name)));
        }
    }
    notes.extend(step.when.as_ref().map(|when| format!("when {when}")));
    notes.extend(step.compensate.as_ref().map(|it| format!("undone by {}", it.handler.callable)));
    if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) }
}

/// The steps by the length of the longest way to them: each layer can run when those before it are done.
#[must_use]
pub fn layers(graph: &Graph) -> Vec<Vec<u32>> {
    let mut depth = vec![0; graph.len()];
    let mut layers: Vec<Vec<u32>> = Vec::new();
    for step in graph.order() {
        let above = graph.dependencies(*step).iter().map(|dependency| depth[*dependency as usize] + 1);
        let layer = above.max().unwrap_or(0);
        depth[*step as usize] = layer;
        if layers.len() <= layer {
            layers.resize_with(layer + 1, Vec::new);
        }
        layers[layer].push(*step);
    }
    layers
}

/// Text as Mermaid takes it within quotes; characters that have a meaning there become entities.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ') {
            text.push(c);
        } else {
            let _ = write!(text, "#{};", u32::from(c));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{mermaid, text};
    use crate::template::{StepKind, Template, parse};

    fn diamond() -> Template {
        let yaml = "
            name: shop
            namespace: shop
            version: 1.0.0
            steps:
              - {name: a, handler: {callable: h}}
              - {name: bring, handler: {callable: h}, dependencies: [a]}
              - {name: c, handler: {callable: h}, dependencies: [a]}
              - {name: end, handler: {callable: h}, dependencies: [bring, c]}
        ";
        parse(yaml, "diamond").expect("a valid template")
    }

    #[test]
    fn a_diamond_is_drawn_in_both_forms() {
        let expected = [
            "flowchart TD",
            "    s0[\"a\"]",
            "    s1[\"bring\"]",
            "    s2[\"c\"]",
            "    s3[\"end\"]",
            "    s0 --> s1",
            "    s0 --> s2",
            "    s1 --> s3",
            "    s2 --> s3",
        ];
        assert_eq!(mermaid(&diamond()).lines().collect::<Vec<_>>(), expected);
        let expected = ["1  a", "2  bring  <- a", "   c      <- a", "3  end  <- bring, c"];
        assert_eq!(text(&diamond()).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_step_that_runs_in_parts_is_drawn_as_one() {
        let mut template = diamond();
        template.steps[1].kind = StepKind::BatchWorker;
        assert_eq!(mermaid(&template).lines().nth(2), Some("    s1[/\"bring\"/]"));
    }

    #[test]
    fn a_name_cannot_break_out_of_its_label() {
        let mut template = diamond();
        template.steps[0].name = "a\"] --> x[\"<b>#".into();
        let drawn = mermaid(&template);
        let label = drawn.lines().nth(1).expect("the first step");
        assert_eq!(label.matches('"').count(), 2);
        assert!(!label.contains(['<', '>']));
    }

    #[test]
    fn every_kind_of_step_is_told_apart() {
        let yaml = "
            name: shop
            namespace: shop
            version: 1.0.0
            steps:
              - {name: a, type: decision, handler: {callable: h}}
              - {name: b, type: wait, wait: {seconds: 5}, dependencies: [a]}
              - {name: c, type: workflow, workflow: {name: other}, dependencies: [b], compensate: {handler: {callable: u}}}
            finally:
              - {name: d, handler: {callable: h}}
              - {name: e, handler: {callable: h}, dependencies: [d]}
        ";
        let template = parse(yaml, "kinds").expect("a valid template");
        let expected = [
            "flowchart TD",
            "    s0{\"a\"}",
            "    s1([\"b\"])",
            "    s2[[\"c\"]]",
            "    s0 --> s1",
            "    s1 --> s2",
            "    c2([\"undo c\"])",
            "    s2 -.-> c2",
            "    subgraph finally",
            "        f0[\"d\"]",
            "        f1[\"e\"]",
            "        f0 --> f1",
            "    end",
        ];
        assert_eq!(mermaid(&template).lines().collect::<Vec<_>>(), expected);
        let lines = text(&template);
        assert!(lines.contains("c  <- b  (runs shop/other; undone by u)") && lines.contains("finally  e"), "{lines}");
    }
}
