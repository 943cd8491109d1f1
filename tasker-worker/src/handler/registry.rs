use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
};

use serde::Serialize;
use tasker_core::model::StepError;

use super::{
    BatchPlan, Decision, StepContext, StepHandler,
    function::{BatchFunction, DecisionFunction, Function},
};

/// Handlers by the names that templates call them by (`handler.callable`).
#[derive(Clone, Default)]
pub struct HandlerRegistry {
    handlers: BTreeMap<Arc<str>, Arc<dyn StepHandler>>,
    duplicates: Vec<Arc<str>>,
}

/// Why a registry cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two handlers want the same name: give one of them another, or register only one.
    #[error("handlers registered more than once: {}", quoted(names))]
    Duplicate { names: Vec<Arc<str>> },
    /// No template can name such a handler: use a text that is not empty and has no spaces.
    #[error("handler names that no template can call: {} (empty, or with spaces)", quoted(names))]
    Unusable { names: Vec<Arc<str>> },
}

impl HandlerRegistry {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an async function or closure.
    #[must_use]
    pub fn with<F, Fut, T>(self, name: impl Into<Arc<str>>, function: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send,
        T: Serialize + Send,
    {
        self.with_handler(name, Function(function))
    }

    /// Adds an async function or closure that decides which steps run after it; for steps of type `decision`.
    #[must_use]
    pub fn with_decision<F, Fut>(self, name: impl Into<Arc<str>>, function: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Decision, StepError>> + Send,
    {
        self.with_handler(name, DecisionFunction(function))
    }

    /// Adds an async function or closure that splits its work; for steps of type `batchable`.
    #[must_use]
    pub fn with_batch_analyzer<F, Fut>(self, name: impl Into<Arc<str>>, function: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<BatchPlan, StepError>> + Send,
    {
        self.with_handler(name, BatchFunction(function))
    }

    /// Adds a handler that implements [`StepHandler`].
    #[must_use]
    pub fn with_handler(mut self, name: impl Into<Arc<str>>, handler: impl StepHandler) -> Self {
        self.insert(name.into(), Arc::new(handler));
        self
    }

    /// Adds every handler of `other`.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.duplicates.extend(other.duplicates);
        for (name, handler) in other.handlers {
            self.insert(name, handler);
        }
        self
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.handlers.keys()
    }

    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<&Arc<dyn StepHandler>> {
        self.handlers.get(name)
    }

    /// Whether every handler can be called by its name; a worker asks before it starts.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn check(&self) -> Result<(), Error> {
        if !self.duplicates.is_empty() {
            return Err(Error::Duplicate { names: self.duplicates.clone() });
        }
        let unusable = |name: &&Arc<str>| name.is_empty() || name.contains(char::is_whitespace);
        let names: Vec<_> = self.names().filter(unusable).cloned().collect();
        if names.is_empty() { Ok(()) } else { Err(Error::Unusable { names }) }
    }

    fn insert(&mut self, name: Arc<str>, handler: Arc<dyn StepHandler>) {
        match self.handlers.entry(name) {
            Entry::Vacant(free) => {
                free.insert(handler);
            }
            Entry::Occupied(taken) => self.duplicates.push(taken.key().clone()),
        }
    }
}

impl fmt::Debug for HandlerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn quoted(names: &[Arc<str>]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nothing(_: StepContext) -> Result<(), StepError> {
        Ok(())
    }

    #[test]
    fn a_name_given_twice_is_found_wherever_it_came_from() {
        let twice = HandlerRegistry::new().with("a", nothing).with("b", nothing).with("a", nothing);
        assert_eq!(twice.check(), Err(Error::Duplicate { names: vec!["a".into()] }));

        let merged = HandlerRegistry::new().with("b", nothing).merge(twice);
        assert_eq!(merged.check(), Err(Error::Duplicate { names: vec!["a".into(), "b".into()] }));
    }

    #[test]
    fn a_name_that_no_template_can_write_is_refused() {
        let registry = HandlerRegistry::new().with("Orders::Validate", nothing).with("two words", nothing);
        assert_eq!(registry.check(), Err(Error::Unusable { names: vec!["two words".into()] }));
        assert_eq!(HandlerRegistry::new().with("orders.Validate", nothing).check(), Ok(()));
    }
}
