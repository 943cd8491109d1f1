//! What handlers are told of the trace that they work for.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tracing::debug;

use super::{Engine, Result, cache::TaskInput};
use crate::{
    model::{SpanId, StepId, TaskId, TraceContext},
    store::Origin,
};

/// The name under which the database knows how far spans have been exported.
pub const SPANS: &str = "spans";
/// What is older is not exported any more.
pub const SPANS_KEPT: Duration = Duration::from_hours(24);
/// Between two looks whether anybody exports spans.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Whether spans of this database's tasks are exported, by whatever process.
#[derive(Default)]
pub(super) struct Traced {
    is_exporter: AtomicBool,
    is_exported: AtomicBool,
    looked_at: Mutex<Option<Instant>>,
}

impl Traced {
    /// Whether it is time to look; who is told so looks.
    fn is_due(&self) -> bool {
        if self.is_exporter.load(Ordering::Relaxed) {
            return false;
        }
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = looked_at.is_none_or(|at| at.elapsed() >= LOOK_AGAIN);
        if is_due {
            *looked_at = Some(Instant::now());
        }
        is_due
    }

    fn is_on(&self) -> bool {
        self.is_exporter.load(Ordering::Relaxed) || self.is_exported.load(Ordering::Relaxed)
    }
}

impl Engine {
    /// This process exports spans: handlers go on in those of their attempts from now on.
    pub fn tell_traced(&self) {
        self.traced.is_exporter.store(true, Ordering::Relaxed);
    }

    /// Where these tasks come from; one that is gone is left out.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn origins(&self, tasks: &[TaskId]) -> Result<Vec<Origin>> {
        Ok(self.store.origins(tasks).await?)
    }

    /// Looks from time to time whether anybody exports spans.
    pub(super) async fn look_for_spans(&self) {
        if self.traced.is_due() {
            let kept_ms = u64::try_from(SPANS_KEPT.as_millis()).unwrap_or(u64::MAX);
            match self.store.has_moved(SPANS, kept_ms).await {
                Ok(is_exported) => self.traced.is_exported.store(is_exported, Ordering::Relaxed),
                Err(error) => debug!(%error, "whether spans are exported stays unknown for now"),
            }
        }
    }

    /// What a handler goes on with: the span of its attempt, where spans are exported; else what was submitted, since nobody
    /// would ever see that span.
    pub(super) fn trace_within(&self, input: &TaskInput, id: StepId, attempt: u32) -> Option<TraceContext> {
        let submitted = input.trace.as_ref();
        if !self.traced.is_on() || submitted.is_some_and(|trace| !trace.is_sampled()) {
            return submitted.cloned();
        }
        let root = input.root.unwrap_or(id.task_id);
        Some(TraceContext::within(submitted, root, SpanId::of_attempt(id, attempt)))
    }
}
