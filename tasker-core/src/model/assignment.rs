use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Json, Lease, Timestamp};

/// One attempt of one step, handed to a worker together with all that its handler may ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Goes back with the outcome.
    pub lease: Lease,
    /// When the lease ends unless it is extended.
    pub lease_until: Timestamp,
    /// Milliseconds that the lease is given for, and extended by.
    pub lease_ms: u64,
    /// The step's public id.
    pub step_uuid: Uuid,
    pub namespace: Arc<str>,
    /// Name of the template.
    pub template: Arc<str>,
    pub version: Arc<str>,
    /// Name of the step.
    pub step: Arc<str>,
    pub handler: AssignedHandler,
    /// The task's input.
    pub input: Json,
    /// Results of every ancestor step, by the step's name.
    pub results: BTreeMap<Arc<str>, Json>,
    /// Attempts before this one that ended in a failure.
    pub failures: u32,
    /// Failures after which the step is not tried again.
    pub max_attempts: u32,
    /// Milliseconds that this attempt may take; none for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Arc<str>>,
}

/// The code that an assignment is for, and how it is configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AssignedHandler {
    pub callable: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Arc<str>>,
    /// `handler.initialization` of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Json>,
}
