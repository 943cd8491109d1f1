use crate::state::{Changes, Definitions};

/// Who counts what an engine writes, for metrics. Called after each commit: it must return at once.
pub trait Observer: Send + Sync + 'static {
    /// Tasks of one template were stored; `tasks` leaves out those whose idempotency key was taken.
    fn submitted(&self, namespace: &str, template: &str, tasks: usize);

    /// One transaction has recorded `outcomes` and what follows from them.
    fn committed(&self, outcomes: usize, changes: &Changes, definitions: &dyn Definitions);
}
