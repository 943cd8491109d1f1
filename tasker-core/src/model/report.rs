use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assignment, Lease, Outcome, Verdict};

/// How the attempt under a lease ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Report {
    pub lease: Lease,
    pub outcome: Outcome,
}

/// What a report answers: a verdict for each outcome, in order, and the next assignments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    pub verdicts: Vec<Verdict>,
    pub assignments: Vec<Assignment>,
}
