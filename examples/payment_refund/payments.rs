//! The payments that were taken, and giving them back.

use jiff::{Unit, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tasker_worker::StepError;

use crate::{
    payment_gateway::{Gateway, Receipt, Request},
    reference::reference,
};

#[derive(Clone, Debug, Deserialize)]
pub struct Payment {
    pub payment_id: String,
    pub customer: String,
    pub email: String,
    /// The card.
    pub token: String,
    /// ISO 4217 code.
    pub currency: String,
    pub amount_cents: u64,
    /// Given back before.
    pub refunded_cents: u64,
    /// How often something was given back before.
    pub refunds: u32,
    pub status: String,
    pub captured_on: Date,
}

/// What shall be given back.
#[derive(Clone, Debug, Deserialize)]
pub struct Claim {
    pub payment_id: String,
    pub amount_cents: u64,
    pub reason: String,
    pub requested_on: Date,
}

/// A claim that the payment allows.
#[derive(Debug, Serialize, Deserialize)]
pub struct Eligibility {
    pub payment_id: String,
    pub currency: String,
    pub age_days: i32,
    /// What is left of the payment after this refund.
    pub remaining_cents: u64,
    pub full_refund: bool,
}

/// A refund that was paid out.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refund {
    pub refund_id: String,
    pub payment_id: String,
    pub amount_cents: u64,
    pub currency: String,
    pub card: String,
}

impl Payment {
    /// The payment of that id in `payments.json`.
    ///
    /// # Errors
    /// Permanent: `payment_not_found`.
    pub fn find(payment_id: &str) -> Result<Self, StepError> {
        let payments: Vec<Self> = serde_json::from_str(include_str!("payments.json"))?;
        let payment = payments.into_iter().find(|payment| payment.payment_id == payment_id);
        payment.ok_or_else(|| StepError::permanent("payment_not_found", format!("there is no payment `{payment_id}`")))
    }

    /// Whether the claim can be met: the money was taken, enough of it is left, and not too many days have passed.
    ///
    /// # Errors
    /// Permanent: `payment_not_captured`, `amount_exceeds_payment`, `refund_window_closed`.
    pub fn eligibility(&self, claim: &Claim, window_days: i32) -> Result<Eligibility, StepError> {
        if self.status != "captured" {
            let message = format!("`{}` is {}: there is nothing to give back yet", self.payment_id, self.status);
            return Err(StepError::permanent("payment_not_captured", message));
        }
        let left_cents = self.amount_cents.saturating_sub(self.refunded_cents);
        let Some(remaining_cents) = left_cents.checked_sub(claim.amount_cents) else {
            let message = format!("{} cents are claimed and {left_cents} are left", claim.amount_cents);
            let figures = json!({"claimed_cents": claim.amount_cents, "left_cents": left_cents});
            return Err(StepError::permanent("amount_exceeds_payment", message).with_context(figures));
        };
        let age_days = self.captured_on.until((Unit::Day, claim.requested_on))?.get_days();
        if age_days > window_days {
            let message = format!("the payment is {age_days} days old, refunds end after {window_days}");
            return Err(StepError::permanent("refund_window_closed", message));
        }
        Ok(Eligibility {
            payment_id: self.payment_id.clone(),
            currency: self.currency.clone(),
            age_days,
            remaining_cents,
            full_refund: claim.amount_cents == self.amount_cents,
        })
    }

    /// Pays back through the gateway. The same claim has the same key there, so that a second attempt whose first one
    /// went through after all pays nothing twice.
    ///
    /// # Errors
    /// Retryable: `gateway_timeout`. Permanent: `refund_declined`, `unknown_payment_token`.
    pub fn refund(&self, claim: &Claim, failed_tries: u32) -> Result<Refund, StepError> {
        let key = reference("claim", &[&self.payment_id, &claim.amount_cents.to_string(), &claim.reason]);
        let receipt: Receipt = Gateway::sandbox()?
            .refund(Request {
                token: &self.token,
                amount_cents: claim.amount_cents,
                currency: &self.currency,
                idempotency_key: &key,
                failed_tries,
            })
            .map_err(|refusal| refusal.into_step_error("refund_declined"))?;
        Ok(Refund {
            refund_id: receipt.id,
            payment_id: self.payment_id.clone(),
            amount_cents: receipt.amount_cents,
            currency: receipt.currency,
            card: receipt.card,
        })
    }
}
