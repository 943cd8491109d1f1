//! Checks across steps: names, dependencies and cycles.

use std::collections::{HashMap, HashSet};

use super::{
    cycles::cycles,
    document::{Entry, Kind, shortened},
    fault::{FaultCode, Mark, Path},
    nearest::nearest,
    reader::{Reader, step_name},
};

/// Cycles of one template that are reported.
const CYCLES: usize = 20;

/// Where a step says its name and its dependencies; none where it does not, or where that was refused already.
pub(super) struct Place<'n> {
    pub(super) name: Option<&'n Entry>,
    pub(super) dependencies: Option<&'n Entry>,
}

/// Reports steps that share a name, dependencies that are unknown, repeated or on the step itself, and cycles.
pub(super) fn check(reader: &mut Reader, places: &[Place<'_>], at: &Path<'_>) {
    let steps = Steps::new(reader, places, at);
    let edges: Vec<Vec<Edge<'_>>> = (0..places.len()).map(|index| steps.edges_of(reader, index, at)).collect();
    let adjacency: Vec<Vec<u32>> = edges.iter().map(|edges| edges.iter().map(|edge| edge.to).collect()).collect();
    for cycle in cycles(&adjacency, CYCLES) {
        steps.report_cycle(reader, &cycle, &edges, at);
    }
}

/// What to do about a name that is not there, given those that are.
pub(super) fn offer<'a>(reader: &Reader, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    const MOST: usize = 8;
    // To look for the nearest of thousands of names is slow; nobody reads so many offers.
    let patient = reader.faults.len() < 100;
    if let Some(near) = patient.then(|| nearest(name, known.clone())).flatten() {
        return format!("did you mean `{near}`?");
    }
    let shown: Vec<&str> = known.clone().take(MOST).collect();
    if shown.is_empty() {
        return "remove it, or add that step: there is no other".into();
    }
    let more = if known.count() > MOST { ", ..." } else { "" };
    format!("use one of: {}{more}", shown.join(", "))
}

struct Steps<'n> {
    places: &'n [Place<'n>],
    names: Vec<&'n str>,
    /// The first step of each name.
    index_of: HashMap<&'n str, u32>,
}

/// A dependency that can be followed, and where it is written.
struct Edge<'n> {
    to: u32,
    mark: Mark,
    key: &'n str,
    /// Its place in the list; none where a name stands alone.
    index: Option<usize>,
}

impl<'n> Steps<'n> {
    fn new(reader: &mut Reader, places: &'n [Place<'n>], at: &Path<'_>) -> Self {
        let names: Vec<&str> =
            places.iter().map(|place| place.name.and_then(|name| name.value.text()).unwrap_or_default()).collect();
        let mut index_of = HashMap::with_capacity(names.len());
        for (index, (number, place)) in (0..).zip(places).enumerate() {
            let (Some(entry), name) = (place.name, names[index]) else { continue };
            let first = *index_of.entry(name).or_insert(number);
            if first != number {
                let line = places[first as usize].name.map_or(0, |first| first.value.mark.line);
                let message = format!("the step `{name}` is already on line {line}");
                let remedy = "give each step a name of its own".to_owned();
                let at = at.index(index);
                reader.report(FaultCode::DuplicateStep, entry.value.mark, &at.field(&entry.key), message, remedy);
            }
        }
        Self { places, names, index_of }
    }

    /// The dependencies of a step that lead to another one; the others are reported.
    fn edges_of(&self, reader: &mut Reader, step: usize, at: &Path<'_>) -> Vec<Edge<'n>> {
        let Some(entry) = self.places[step].dependencies else { return Vec::new() };
        let mut edges = Vec::new();
        let mut seen = HashSet::new();
        for (index, item) in entry.value.items().iter().enumerate() {
            let Some((name, mark)) = step_name(item) else { continue };
            let index = matches!(entry.value.kind, Kind::List(_)).then_some(index);
            let edge = |to| Edge { to, mark, key: &entry.key, index };
            let fault = match self.index_of.get(name) {
                _ if !seen.insert(name) => {
                    let message = format!("the dependency on `{name}` is given twice");
                    Some((FaultCode::DuplicateDependency, message, "remove one of the two".to_owned()))
                }
                _ if name == self.names[step] => {
                    let message = format!("the step `{name}` depends on itself");
                    Some((FaultCode::SelfDependency, message, "remove the dependency".to_owned()))
                }
                None => {
                    let message = format!("there is no step `{}` to depend on", shortened(name));
                    let known =
                        self.names.iter().copied().filter(|known| !known.is_empty() && *known != self.names[step]);
                    Some((FaultCode::UnknownDependency, message, offer(reader, name, known)))
                }
                Some(to) => {
                    edges.push(edge(*to));
                    None
                }
            };
            if let Some((code, message, remedy)) = fault {
                edge(0).report(reader, code, &at.index(step), message, remedy);
            }
        }
        edges
    }

    /// A cycle, at the dependency by which its first step waits for the second.
    fn report_cycle(&self, reader: &mut Reader, cycle: &[u32], edges: &[Vec<Edge<'_>>], at: &Path<'_>) {
        let [first, .., last] = cycle else { return };
        let second = cycle[1];
        let first = *first as usize;
        let Some(edge) = edges[first].iter().find(|edge| edge.to == second) else { return };
        let names: Vec<&str> = cycle.iter().chain([&cycle[0]]).map(|step| self.names[*step as usize]).collect();
        let message = format!("each of these steps waits for the next: {}", names.join(" -> "));
        let last = self.names[*last as usize];
        let remedy =
            format!("remove one of these dependencies, for example that of `{last}` on `{}`", self.names[first]);
        edge.report(reader, FaultCode::DependencyCycle, &at.index(first), message, remedy);
    }
}

impl Edge<'_> {
    fn report(&self, reader: &mut Reader, code: FaultCode, step: &Path<'_>, message: String, remedy: String) {
        let list = step.field(self.key);
        let at = self.index.map_or(list, |index| list.index(index));
        reader.report(code, self.mark, &at, message, remedy);
    }
}
