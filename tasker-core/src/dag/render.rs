use std::{collections::HashMap, fmt::Write};

use super::Graph;
use crate::template::Template;

/// The graph as a Mermaid flowchart; arrows lead from a step to those that wait for it.
#[must_use]
pub fn mermaid(template: &Template) -> String {
    let mut text = String::from("flowchart TD\n");
    for (index, step) in template.steps.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    s{index}[\"{}\"]", escaped(&step.name));
    }
    let index_of: HashMap<&str, usize> = template.steps.iter().map(|step| step.name.as_str()).zip(0..).collect();
    for (index, step) in template.steps.iter().enumerate() {
        for dependency in &step.dependencies {
            if let Some(from) = index_of.get(dependency.as_str()) {
                let _ = writeln!(text, "    s{from} --> s{index}");
            }
        }
    }
    text
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
            text.push('\n');
        }
    }
    text
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
    use crate::template::{Template, parse};

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
    fn a_name_cannot_break_out_of_its_label() {
        let mut template = diamond();
        template.steps[0].name = "a\"] --> x[\"<b>#".into();
        let drawn = mermaid(&template);
        let label = drawn.lines().nth(1).expect("the first step");
        assert_eq!(label.matches('"').count(), 2);
        assert!(!label.contains(['<', '>']));
    }
}
