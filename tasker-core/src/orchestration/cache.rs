use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use crate::{
    dag::{Definition, TemplateKey},
    model::{Json, ParentStep, TaskId, TraceContext},
    state::Definitions,
};

/// Definitions in use, made ready to run. Templates never change, so nothing here grows stale.
pub(super) struct DefinitionCache(Cache<TemplateKey, Arc<Definition>>);

impl DefinitionCache {
    pub(super) fn new() -> Self {
        Self(Cache::new(1_000))
    }

    pub(super) fn insert(&self, definition: Arc<Definition>) {
        self.0.insert(definition.key.clone(), definition);
    }
}

impl Definitions for DefinitionCache {
    fn get(&self, key: &TemplateKey) -> Option<Arc<Definition>> {
        self.0.get(key)
    }
}

/// Inputs and results that passed through this process lately: most steps are claimed where their ancestors were reported,
/// and then need not be read back. Both are written once, so nothing here grows stale.
pub(super) struct PayloadCache(Cache<(TaskId, Slot), Cached, ByBytes>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Input,
    Result(u32),
}

#[derive(Clone)]
enum Cached {
    Input(TaskInput),
    Result(Json),
}

/// What an assignment needs of its task.
#[derive(Clone)]
pub(super) struct TaskInput {
    pub(super) context: Json,
    pub(super) correlation_id: Option<Arc<str>>,
    pub(super) parent: Option<ParentStep>,
    /// The task above all others; none for one that was submitted.
    pub(super) root: Option<TaskId>,
    pub(super) trace: Option<TraceContext>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<(TaskId, Slot), Cached> for ByBytes {
    fn weight(&self, _: &(TaskId, Slot), value: &Cached) -> u64 {
        let json = match value {
            Cached::Input(input) => &input.context,
            Cached::Result(result) => result,
        };
        // The entry itself takes about a hundred bytes.
        json.size() as u64 + 100
    }
}

impl PayloadCache {
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / 400).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(items, bytes, ByBytes))
    }

    pub(super) fn put_input(&self, task_id: TaskId, input: TaskInput) {
        self.0.insert((task_id, Slot::Input), Cached::Input(input));
    }

    pub(super) fn put_result(&self, task_id: TaskId, idx: u32, result: Json) {
        self.0.insert((task_id, Slot::Result(idx)), Cached::Result(result));
    }

    pub(super) fn input(&self, task_id: TaskId) -> Option<TaskInput> {
        match self.0.get(&(task_id, Slot::Input))? {
            Cached::Input(input) => Some(input),
            Cached::Result(_) => None,
        }
    }

    pub(super) fn result(&self, task_id: TaskId, idx: u32) -> Option<Json> {
        match self.0.get(&(task_id, Slot::Result(idx)))? {
            Cached::Result(result) => Some(result),
            Cached::Input(_) => None,
        }
    }
}
