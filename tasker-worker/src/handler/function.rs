use async_trait::async_trait;
use serde::Serialize;
use tasker_core::model::StepError;

use super::{BatchPlan, Decision, StepContext, StepHandler, StepResult};

/// An async function or closure as a handler.
pub(super) struct Function<F>(pub(super) F);

/// One that decides which steps run after it.
pub(super) struct DecisionFunction<F>(pub(super) F);

/// One that splits its work.
pub(super) struct BatchFunction<F>(pub(super) F);

#[async_trait]
impl<F, Fut> StepHandler for DecisionFunction<F>
where
    F: Fn(StepContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Decision, StepError>> + Send,
{
    async fn call(&self, context: &StepContext) -> Result<StepResult, StepError> {
        (self.0)(context.clone()).await?.into_result()
    }
}

#[async_trait]
impl<F, Fut> StepHandler for BatchFunction<F>
where
    F: Fn(StepContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<BatchPlan, StepError>> + Send,
{
    async fn call(&self, context: &StepContext) -> Result<StepResult, StepError> {
        (self.0)(context.clone()).await?.into_result()
    }
}

#[async_trait]
impl<F, Fut, T> StepHandler for Function<F>
where
    F: Fn(StepContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, StepError>> + Send,
    T: Serialize + Send,
{
    async fn call(&self, context: &StepContext) -> Result<StepResult, StepError> {
        let value = (self.0)(context.clone()).await?;
        StepResult::of(&value)
    }
}
