use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use crate::template::Template;

/// The steps of a template and how they depend on one another, by their index in `template.steps`.
#[derive(Clone, Debug)]
pub struct Graph {
    dependencies: Adjacency,
    dependents: Adjacency,
    order: Vec<u32>,
    /// For each step the set of its ancestors: a row of bits by position in `order`.
    ancestors: Vec<u64>,
    /// Words of 64 bits in a row.
    row: usize,
}

/// Why a template has no graph. The parser refuses such templates, with positions: have the template checked by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A name stands for two steps: rename one.
    #[error("two steps are named `{0}`")]
    DuplicateStep(String),
    /// A dependency leads nowhere: correct its name.
    #[error("the step `{step}` depends on `{dependency}`, which is not a step")]
    UnknownDependency { step: String, dependency: String },
    /// Some steps wait for one another: remove a dependency between them. This is one step of those, or one behind them.
    #[error("the step `{0}` waits for a cycle of dependencies")]
    Cycle(String),
}

impl Graph {
    /// # Errors
    /// When the template was not checked, and step names are not unique, a dependency is unknown or there is a cycle.
    pub fn new(template: &Template) -> Result<Self, GraphError> {
        let dependencies = Adjacency::new(dependencies_of(template)?);
        let dependents = dependencies.reversed();
        let order = order(&dependencies, &dependents);
        if order.len() < template.steps.len() {
            let mut placed = vec![false; template.steps.len()];
            order.iter().for_each(|step| placed[*step as usize] = true);
            let left = template.steps.iter().zip(placed).find(|(_, placed)| !placed);
            return Err(GraphError::Cycle(left.map(|(step, _)| step.name.clone()).unwrap_or_default()));
        }
        let row = order.len().div_ceil(64);
        let ancestors = ancestors(&dependencies, &order, row);
        Ok(Self { dependencies, dependents, order, ancestors, row })
    }

    /// Steps in the graph.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The steps that a step names as its dependencies, ascending, each once.
    #[must_use]
    pub fn dependencies(&self, step: u32) -> &[u32] {
        self.dependencies.of(step)
    }

    /// The steps that name this one as a dependency, ascending.
    #[must_use]
    pub fn dependents(&self, step: u32) -> &[u32] {
        self.dependents.of(step)
    }

    /// Every step that has to be done before this one, the farthest first: dependencies, and theirs, in the order of
    /// [`Graph::order`].
    pub fn ancestors(&self, step: u32) -> impl Iterator<Item = u32> + '_ {
        let start = step as usize * self.row;
        let words = self.ancestors[start..start + self.row].iter();
        let positions = words.enumerate().flat_map(|(index, word)| ones(*word).map(move |bit| index * 64 + bit));
        positions.map(|position| self.order[position])
    }

    /// Every step after all of its dependencies; among those that could come next, the first of the template does.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The steps without dependencies, ascending: where a task begins.
    pub fn roots(&self) -> impl Iterator<Item = u32> + '_ {
        self.dependencies.nodes().filter(|step| self.dependencies(*step).is_empty())
    }

    /// The steps on which nothing depends, ascending: where a task ends.
    pub fn leaves(&self) -> impl Iterator<Item = u32> + '_ {
        self.dependents.nodes().filter(|step| self.dependents(*step).is_empty())
    }
}

/// Lists of node numbers in one allocation.
#[derive(Clone, Debug)]
struct Adjacency {
    /// Where the list of each node begins, and the end of the last.
    starts: Vec<usize>,
    targets: Vec<u32>,
}

impl Adjacency {
    fn new(lists: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let (mut starts, mut targets) = (vec![0], Vec::new());
        for list in lists {
            targets.extend(list);
            starts.push(targets.len());
        }
        Self { starts, targets }
    }

    fn nodes(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.starts.len() - 1).unwrap_or(u32::MAX)
    }

    fn of(&self, node: u32) -> &[u32] {
        &self.targets[self.starts[node as usize]..self.starts[node as usize + 1]]
    }

    fn reversed(&self) -> Self {
        let mut lists = vec![Vec::new(); self.starts.len() - 1];
        for node in self.nodes() {
            self.of(node).iter().for_each(|target| lists[*target as usize].push(node));
        }
        Self::new(lists)
    }
}

fn dependencies_of(template: &Template) -> Result<Vec<Vec<u32>>, GraphError> {
    let mut index_of = HashMap::with_capacity(template.steps.len());
    for (index, step) in (0_u32..).zip(&template.steps) {
        if index_of.insert(step.name.as_str(), index).is_some() {
            return Err(GraphError::DuplicateStep(step.name.clone()));
        }
    }
    let lists = template.steps.iter().map(|step| {
        let found = step.dependencies.iter().map(|name| match index_of.get(name.as_str()) {
            Some(index) => Ok(*index),
            None => Err(GraphError::UnknownDependency { step: step.name.clone(), dependency: name.clone() }),
        });
        let mut list = found.collect::<Result<Vec<u32>, _>>()?;
        list.sort_unstable();
        list.dedup();
        Ok(list)
    });
    lists.collect()
}

/// The order, without the steps that wait for a cycle.
fn order(dependencies: &Adjacency, dependents: &Adjacency) -> Vec<u32> {
    let mut unmet: Vec<usize> = dependencies.nodes().map(|step| dependencies.of(step).len()).collect();
    let mut ready: BinaryHeap<Reverse<u32>> =
        dependencies.nodes().filter(|step| unmet[*step as usize] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(unmet.len());
    while let Some(Reverse(step)) = ready.pop() {
        order.push(step);
        for dependent in dependents.of(step) {
            let left = &mut unmet[*dependent as usize];
            *left -= 1;
            if *left == 0 {
                ready.push(Reverse(*dependent));
            }
        }
    }
    order
}

fn ancestors(dependencies: &Adjacency, order: &[u32], row: usize) -> Vec<u64> {
    let mut position = vec![0; order.len()];
    for (at, step) in order.iter().enumerate() {
        position[*step as usize] = at;
    }
    let mut sets = vec![0_u64; order.len() * row];
    let mut set = vec![0_u64; row];
    for step in order {
        set.fill(0);
        for dependency in dependencies.of(*step) {
            let theirs = &sets[*dependency as usize * row..][..row];
            set.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
            let at = position[*dependency as usize];
            set[at / 64] |= 1 << (at % 64);
        }
        sets[*step as usize * row..][..row].copy_from_slice(&set);
    }
    sets
}

/// The positions of the bits that are set, ascending.
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::{Handler, Retry, StepTemplate};

    fn template(lists: &[Vec<usize>]) -> Template {
        let step = |(index, list): (usize, &Vec<usize>)| StepTemplate {
            name: format!("s{index}"),
            kind: Default::default(),
            handler: Handler { callable: "h".into(), method: None, initialization: None },
            dependencies: list.iter().map(|index| format!("s{index}")).collect(),
            retry: Retry::default(),
            timeout_seconds: None,
            result_schema: None,
            ..StepTemplate::default()
        };
        Template {
            name: "t".into(),
            namespace: "n".into(),
            version: "1.0.0".into(),
            description: None,
            input_schema: None,
            steps: lists.iter().enumerate().map(step).collect(),
            finally: Vec::new(),
            environments: Default::default(),
            lifecycle: Default::default(),
            result: None,
        }
    }

    /// Dependency lists without a cycle, in which a step may depend on later ones too.
    fn acyclic() -> impl Strategy<Value = Vec<Vec<usize>>> {
        (1..150_usize).prop_flat_map(|count| {
            let ranks = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
            let edges = proptest::collection::vec((0..count, 0..count), 0..count * 3);
            (ranks, edges).prop_map(move |(ranks, edges)| {
                let mut lists = vec![Vec::new(); count];
                for (from, to) in edges.into_iter().filter(|(from, to)| ranks[*to] < ranks[*from]) {
                    lists[from].push(to);
                }
                lists
            })
        })
    }

    /// Every step that can be reached, found in the plainest way.
    fn reached(lists: &[Vec<usize>], step: usize) -> Vec<bool> {
        let mut seen = vec![false; lists.len()];
        let mut left = lists[step].clone();
        while let Some(next) = left.pop() {
            if !std::mem::replace(&mut seen[next], true) {
                left.extend(&lists[next]);
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn order_and_ancestors_agree_with_the_dependencies(lists in acyclic()) {
            let graph = Graph::new(&template(&lists)).expect("there is no cycle");
            let mut position = vec![usize::MAX; lists.len()];
            graph.order().iter().enumerate().for_each(|(at, step)| position[*step as usize] = at);
            prop_assert!(position.iter().all(|at| *at < lists.len()), "every step has a place");
            for (step, list) in lists.iter().enumerate() {
                let index = u32::try_from(step).expect("few steps");
                prop_assert!(list.iter().all(|dependency| position[*dependency] < position[step]));
                let ancestors: Vec<u32> = graph.ancestors(index).collect();
                prop_assert!(ancestors.is_sorted_by_key(|step| position[*step as usize]));
                let mut expected = reached(&lists, step);
                for ancestor in &ancestors {
                    prop_assert!(std::mem::replace(&mut expected[*ancestor as usize], false));
                }
                prop_assert!(expected.iter().all(|left| !left));
                for dependency in graph.dependencies(index) {
                    prop_assert!(graph.dependents(*dependency).contains(&index));
                }
            }
            prop_assert_eq!(graph.roots().count(), lists.iter().filter(|list| list.is_empty()).count());
        }

        #[test]
        fn a_template_that_was_not_checked_is_refused(lists in acyclic(), from in any::<prop::sample::Index>()) {
            let from = from.index(lists.len());
            let mut cyclic = lists.clone();
            cyclic[from].push(from);
            let cycle = matches!(Graph::new(&template(&cyclic)), Err(GraphError::Cycle(_)));
            prop_assert!(cycle);
            let mut dangling = lists.clone();
            dangling[from].push(lists.len());
            let unknown = matches!(Graph::new(&template(&dangling)), Err(GraphError::UnknownDependency { .. }));
            prop_assert!(unknown);
        }
    }

    #[test]
    fn two_thousand_steps_in_a_row_each_see_all_before_them() {
        let lists: Vec<Vec<usize>> = (0..2_000_usize).map(|step| step.checked_sub(1).into_iter().collect()).collect();
        let graph = Graph::new(&template(&lists)).expect("a chain");
        assert_eq!(graph.ancestors(1_999).count(), 1_999);
        assert_eq!((graph.roots().collect(), graph.leaves().collect()), (vec![0], vec![1_999]));
    }
}
