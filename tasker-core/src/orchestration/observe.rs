use crate::state::{Changes, Definitions};

/// Who counts what an engine writes, for metrics. Called after each commit: it must return at once.
pub trait Observer: Send + Sync + 'static {
    /// A task of this template was stored; not one whose idempotency key was taken.
    fn submitted(&self, namespace: &str, template: &str);

    /// One transaction has stored so many submitted tasks, those whose keys were taken counted too.
    fn stored(&self, tasks: usize);

    /// One transaction has recorded `outcomes` and what follows from them.
    fn committed(&self, outcomes: usize, changes: &Changes, definitions: &dyn Definitions);
}
