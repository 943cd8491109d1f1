//! The help desk: its tickets, its refund policies, and who may approve how much.

use std::collections::BTreeMap;

use serde::Deserialize;
use tasker_worker::StepError;

#[derive(Debug, Deserialize)]
pub struct Desk {
    pub tickets: Vec<Ticket>,
    /// By the reason of a refund.
    pub policies: BTreeMap<String, Policy>,
    /// By role.
    pub approval_limits_cents: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Ticket {
    pub ticket_id: String,
    pub customer: String,
    pub email: String,
    pub tier: String,
    pub payment_id: String,
    pub status: String,
}

#[derive(Debug, Deserialize)]
pub struct Policy {
    /// By the customer's tier: days after the payment in which refunds are given.
    pub window_days: BTreeMap<String, i32>,
    /// What is kept back, in hundredths of a percent of the claim.
    pub restocking_basis_points: u64,
}

impl Desk {
    /// The desk in `desk.json`.
    ///
    /// # Errors
    /// When that file is broken.
    pub fn load() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("desk.json"))
    }

    /// # Errors
    /// Permanent: `ticket_not_found`.
    pub fn ticket(&self, ticket_id: &str) -> Result<&Ticket, StepError> {
        let ticket = self.tickets.iter().find(|ticket| ticket.ticket_id == ticket_id);
        ticket.ok_or_else(|| StepError::permanent("ticket_not_found", format!("there is no ticket `{ticket_id}`")))
    }

    /// # Errors
    /// Permanent: `reason_not_covered`.
    pub fn policy(&self, reason: &str) -> Result<&Policy, StepError> {
        let policy = self.policies.get(reason);
        policy.ok_or_else(|| {
            StepError::permanent("reason_not_covered", format!("no policy covers the reason `{reason}`"))
        })
    }

    /// What a role may approve alone; nothing for a role that is not known.
    #[must_use]
    pub fn approval_limit_cents(&self, role: &str) -> u64 {
        self.approval_limits_cents.get(role).copied().unwrap_or(0)
    }
}
