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

/// Small, since every slot of the cache has room for the largest kind, and there are slots of what is no longer in it.
#[derive(Clone)]
enum Cached {
    Input(Arc<TaskInput>),
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

/// What an entry takes beside its value: a slot, a place in the table, and its share of slots that are empty or only tell what
/// was in them.
const SLOT: usize = 190;
/// What is allocated has counts before it, and is rounded up.
const ALLOCATED: usize = 32;

/// Counts what each entry takes in memory: most texts are shorter than what belongs to them.
#[derive(Clone)]
struct ByBytes;

impl Weighter<(TaskId, Slot), Cached> for ByBytes {
    fn weight(&self, _: &(TaskId, Slot), value: &Cached) -> u64 {
        let bytes = match value {
            Cached::Input(input) => size_of::<TaskInput>() + input.texts().map(|text| text + ALLOCATED).sum::<usize>(),
            Cached::Result(result) => result.size(),
        };
        (SLOT + ALLOCATED + bytes) as u64
    }
}

impl TaskInput {
    /// The length of each of its texts.
    fn texts(&self) -> impl Iterator<Item = usize> {
        let trace = self.trace.as_ref();
        let others = [
            self.correlation_id.as_ref(),
            trace.map(|trace| &trace.traceparent),
            trace.and_then(|trace| trace.tracestate.as_ref()),
        ];
        std::iter::once(self.context.size()).chain(others.into_iter().flatten().map(|text| text.len()))
    }
}

impl PayloadCache {
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / 400).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(items, bytes, ByBytes))
    }

    pub(super) fn put_input(&self, task_id: TaskId, input: TaskInput) {
        self.0.insert((task_id, Slot::Input), Cached::Input(Arc::new(input)));
    }

    pub(super) fn put_result(&self, task_id: TaskId, idx: u32, result: Json) {
        self.0.insert((task_id, Slot::Result(idx)), Cached::Result(result));
    }

    pub(super) fn input(&self, task_id: TaskId) -> Option<TaskInput> {
        match self.0.get(&(task_id, Slot::Input))? {
            Cached::Input(input) => Some(TaskInput::clone(&input)),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as most handlers return them are much shorter than what belongs to an entry.
    #[test]
    fn many_short_texts_take_no_more_memory_than_was_given() {
        const BYTES: usize = 4 * 1024 * 1024;
        let cache = PayloadCache::new(BYTES as u64);
        let text = || Json::parse(r#"{"done":true}"#.to_owned()).unwrap();
        for _ in 0..BYTES / 400 {
            let task_id = TaskId::new();
            let input = TaskInput { context: text(), correlation_id: None, parent: None, root: None, trace: None };
            cache.put_input(task_id, input);
            (0..4).for_each(|idx| cache.put_result(task_id, idx, text()));
        }
        // An allocation has two counts before its text, and the allocator one of its own.
        let allocated = |bytes: usize| (bytes + 24).next_multiple_of(16);
        let values = cache.0.iter().map(|(_, value)| match value {
            Cached::Input(input) => allocated(size_of::<TaskInput>()) + allocated(input.context.size()),
            Cached::Result(result) => allocated(result.size()),
        });
        let used = cache.0.memory_used();
        // What a vector of slots has beside those in use is at most as much again.
        let taken = 2 * used.entries + used.map + values.sum::<usize>();
        assert!(taken <= BYTES, "{taken} bytes in a cache of {BYTES}");
    }
}
