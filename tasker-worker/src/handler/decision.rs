use serde::Serialize;
use serde_json::json;
use tasker_core::model::{BatchConfig, Batches, CursorRange, FailureStrategy, Json, Next, StepError};

use super::StepResult;

/// What the handler of a decision answers: which of the steps that depend on it run.
///
/// ```
/// use tasker_worker::{Decision, HandlerRegistry, StepContext};
///
/// let registry = HandlerRegistry::new().with_decision("route_order", |context: StepContext| async move {
///     let amount: u64 = context.input("amount")?;
///     Ok(if amount > 1_000 { Decision::route(["manual_approval"]) } else { Decision::route(["auto_approve"]) })
/// });
/// assert!(registry.resolve("route_order").is_some());
/// ```
#[derive(Clone, Debug)]
pub struct Decision {
    next: Next,
    result: Option<Result<StepResult, StepError>>,
}

impl Decision {
    /// These dependents run; the others are skipped.
    #[must_use]
    pub fn route<S: Into<String>>(steps: impl IntoIterator<Item = S>) -> Self {
        Self { next: Next::Route { steps: steps.into_iter().map(Into::into).collect() }, result: None }
    }

    /// None of the dependents runs.
    #[must_use]
    pub fn skip(reason: impl Into<String>) -> Self {
        Self { next: Next::Skip { reason: reason.into() }, result: None }
    }

    /// The step's result, for the steps after it; if not given it says what was decided.
    #[must_use]
    pub fn with_result<T: Serialize + ?Sized>(mut self, result: &T) -> Self {
        self.result = Some(StepResult::of(result));
        self
    }

    pub(super) fn into_result(self) -> Result<StepResult, StepError> {
        let result = self.result.unwrap_or_else(|| {
            Ok(match &self.next {
                Next::Route { steps } => json!({"route": steps}).into(),
                Next::Skip { reason } => json!({"skipped": reason}).into(),
                Next::Batches(_) => StepResult::from(()),
            })
        });
        Ok(result?.with_next(self.next))
    }
}

/// What the handler of a batchable step answers: into which parts the work is split.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    config: BatchConfig,
    result: Option<Result<StepResult, StepError>>,
}

impl BatchPlan {
    /// Ranges of `batch_size` from 0 to `total_items`; the last may be shorter.
    #[must_use]
    pub fn split(total_items: u64, batch_size: u64) -> Self {
        Self::of(Batches::Split { total_items, batch_size })
    }

    /// These ranges, each from its start up to its end.
    #[must_use]
    pub fn ranges(ranges: impl IntoIterator<Item = std::ops::Range<u64>>) -> Self {
        let ranges = ranges.into_iter().map(|range| CursorRange { start: range.start, end: range.end });
        Self::of(Batches::Ranges(ranges.collect()))
    }

    /// One part for each value.
    ///
    /// # Errors
    /// A permanent `result_not_json` when a value cannot be written as JSON.
    pub fn items<T: Serialize>(items: impl IntoIterator<Item = T>) -> Result<Self, StepError> {
        let items = items.into_iter().map(|item| StepResult::of(&item).map(StepResult::into_json));
        Ok(Self::of(Batches::Items(items.collect::<Result<Vec<Json>, _>>()?)))
    }

    /// The step that does the work, where more than one could.
    #[must_use]
    pub fn worker(mut self, step: impl Into<String>) -> Self {
        self.config.worker = Some(step.into());
        self
    }

    /// Parts that run at the same time at most.
    #[must_use]
    pub fn parallelism(mut self, parts: u32) -> Self {
        self.config.parallelism = Some(parts);
        self
    }

    /// What a part that fails for good means for the others.
    #[must_use]
    pub fn on_failure(mut self, strategy: FailureStrategy) -> Self {
        self.config.failure_strategy = Some(strategy);
        self
    }

    /// The step's result, for the steps after it; `null` if not given.
    #[must_use]
    pub fn with_result<T: Serialize + ?Sized>(mut self, result: &T) -> Self {
        self.result = Some(StepResult::of(result));
        self
    }

    fn of(batches: Batches) -> Self {
        let config = BatchConfig { worker: None, batches, parallelism: None, failure_strategy: None };
        Self { config, result: None }
    }

    pub(super) fn into_result(self) -> Result<StepResult, StepError> {
        let result = self.result.unwrap_or_else(|| Ok(().into()));
        Ok(result?.with_next(Next::Batches(self.config)))
    }
}
