//! placeholder until merge
use crate::template::Template;
#[derive(Debug)]
pub struct Graph {
    deps: Vec<Vec<u32>>,
    dependents: Vec<Vec<u32>>,
}
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    #[error("x")]
    X,
}
impl Graph {
    pub fn new(t: &Template) -> Result<Self, GraphError> {
        let deps: Vec<Vec<u32>> = t
            .steps
            .iter()
            .map(|s| s.dependencies.iter().map(|d| t.steps.iter().position(|x| x.name == *d).unwrap() as u32).collect())
            .collect();
        let mut dependents = vec![vec![]; t.steps.len()];
        for (i, ds) in deps.iter().enumerate() {
            for d in ds {
                dependents[*d as usize].push(i as u32);
            }
        }
        Ok(Self { deps, dependents })
    }
    pub fn dependencies(&self, i: u32) -> &[u32] {
        &self.deps[i as usize]
    }
    pub fn dependents(&self, i: u32) -> &[u32] {
        &self.dependents[i as usize]
    }
    pub fn ancestors(&self, i: u32) -> Vec<u32> {
        let mut s = std::collections::BTreeSet::new();
        let mut st = self.deps[i as usize].clone();
        while let Some(x) = st.pop() {
            if s.insert(x) {
                st.extend(&self.deps[x as usize]);
            }
        }
        s.into_iter().collect()
    }
}
