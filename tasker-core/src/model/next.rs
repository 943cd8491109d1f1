use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Json;

/// What the handler of a decision or of a batchable step says about the steps after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Next {
    /// Of a decision: these of its dependents run, the others are skipped. At least one, each once.
    Route { steps: Vec<String> },
    /// Of a decision: none of its dependents runs.
    Skip { reason: String },
    /// Of a batchable step: what its worker step is run for.
    Batches(BatchConfig),
}

/// How a batchable step splits its work. The worker step runs once for each batch, and is done when all of them are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchConfig {
    /// The dependent of type `batch_worker` that does the work; it may be left out where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    pub batches: Batches,
    /// Batches that run at the same time at most; if not given, what the worker step's template says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// What a batch that fails for good means for the others; if not given, what the worker step's template says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_strategy: Option<FailureStrategy>,
}

/// The batches themselves: 0 to 100,000 of them. With none, the worker step is done at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Batches {
    /// Ranges of `batch_size` from 0 to `total_items`; the last may be shorter.
    Split { total_items: u64, batch_size: u64 },
    /// Ranges of the handler's own making.
    Ranges(Vec<CursorRange>),
    /// One batch for each value.
    Items(Vec<Json>),
}

/// Where a batch begins, and where it ends: the first that is no longer in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct CursorRange {
    pub start: u64,
    pub end: u64,
}

/// What it means for a batch when one item fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureStrategy {
    /// The others run on; what comes after sees `null` in its place.
    #[default]
    ContinueOnFailure,
    /// The others are cancelled, and the worker step fails.
    FailFast,
    /// The others run on; the item waits for an operator, who retries or resolves it.
    Isolate,
}

/// Which part of a batch an attempt is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct BatchPart {
    /// From 0.
    pub index: u32,
    /// Parts in all.
    pub of: u32,
    pub work: BatchWork,
}

/// What one part of a batch has to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchWork {
    Range(CursorRange),
    Item(Json),
}

/// How far a long step has come. It is stored with the step, and handed to its next attempt, whatever ended this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Checkpoint {
    /// Where to go on from: whatever the handler makes of it.
    pub cursor: Json,
    /// What the handler has gathered so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accumulated_results: Option<Json>,
    /// Items done so far, for people to see.
    #[serde(default)]
    pub items_processed: u64,
}

impl Checkpoint {
    /// Bytes of what it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cursor.size() + self.accumulated_results.as_ref().map_or(0, Json::size)
    }
}

/// An event of the user's own domain, which a step publishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct DomainEvent {
    pub name: String,
    pub payload: Json,
}
