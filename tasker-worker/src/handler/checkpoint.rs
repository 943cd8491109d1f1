use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use tasker_core::model::{Checkpoint, Lease, StepError, limits};

use super::{StepContext, StepResult, fields::decode};
use crate::coordinator;

/// Where checkpoints go.
#[async_trait]
pub(crate) trait Checkpoints: Send + Sync {
    /// False when the lease is lost.
    async fn put(&self, lease: Lease, checkpoint: &Checkpoint) -> Result<bool, coordinator::Error>;
}

/// How far a long step has come, across attempts.
impl StepContext {
    /// What an earlier attempt of this step has stored, if any.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<&Checkpoint> {
        self.assignment().checkpoint.as_ref()
    }

    /// Whether there is something to go on from.
    #[must_use]
    pub fn has_checkpoint(&self) -> bool {
        self.last_checkpoint().is_some()
    }

    /// Where to go on from; none if there is no checkpoint.
    ///
    /// # Errors
    /// Permanent: `checkpoint_invalid` when the cursor is no `T`.
    pub fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, StepError> {
        let cursor = self.last_checkpoint().map(|checkpoint| &checkpoint.cursor);
        cursor.map(|cursor| decode(cursor, "checkpoint", format_args!("the cursor"))).transpose()
    }

    /// What earlier attempts have gathered; none if there is nothing.
    ///
    /// # Errors
    /// Permanent: `checkpoint_invalid` when it is no `T`.
    pub fn accumulated_results<T: DeserializeOwned>(&self) -> Result<Option<T>, StepError> {
        let results = self.last_checkpoint().and_then(|checkpoint| checkpoint.accumulated_results.as_ref());
        results.map(|results| decode(results, "checkpoint", format_args!("the accumulated results"))).transpose()
    }

    /// Stores where the step stands and what it has gathered, in place of what was stored before. When this returns, an
    /// attempt that follows a crash goes on from here. The lease is extended too.
    ///
    /// # Errors
    /// Permanent: `checkpoint_invalid` when it cannot be written as JSON, `checkpoint_too_large` over
    /// [`limits::PAYLOAD_BYTES`]. Retryable: `lease_lost` when the outcome is no longer wanted, `checkpoint_failed` when
    /// it could not be stored; the handler may go on without.
    pub async fn checkpoint<C, R>(&self, cursor: &C, accumulated: &R, items_processed: u64) -> Result<(), StepError>
    where
        C: Serialize + Sync + ?Sized,
        R: Serialize + Sync + ?Sized,
    {
        let checkpoint = Checkpoint {
            cursor: StepResult::of(cursor)?.into_json(),
            accumulated_results: Some(StepResult::of(accumulated)?.into_json()),
            items_processed,
        };
        match self.checkpoints() {
            Some(checkpoints) => store(checkpoints.as_ref(), self.assignment().lease, &checkpoint).await,
            None => check_size(&checkpoint),
        }
    }
}

/// Stores a checkpoint, whatever language it comes from; see [`StepContext::checkpoint`] for the errors.
pub(crate) async fn store(
    checkpoints: &dyn Checkpoints,
    lease: Lease,
    checkpoint: &Checkpoint,
) -> Result<(), StepError> {
    check_size(checkpoint)?;
    match checkpoints.put(lease, checkpoint).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(StepError::retryable("lease_lost", "another attempt of this step runs, or none may")),
        Err(error) => Err(StepError::retryable("checkpoint_failed", error.to_string())),
    }
}

fn check_size(checkpoint: &Checkpoint) -> Result<(), StepError> {
    let (size, limit) = (checkpoint.size(), limits::PAYLOAD_BYTES);
    if size <= limit {
        return Ok(());
    }
    let message = format!("the checkpoint has {size} bytes and the limit is {limit}: store the data elsewhere");
    Err(StepError::permanent("checkpoint_too_large", message))
}
