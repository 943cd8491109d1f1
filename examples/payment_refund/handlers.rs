//! Giving a payment back: may it be, should it be, do it, write it down, say so.

pub mod payments;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{HandlerRegistry, StepContext, StepError};

use self::payments::{Claim, Eligibility, Payment, Refund};
use crate::{
    money::{amount, share},
    reference::reference,
};

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with("validate_refund_eligibility", validate_refund_eligibility)
        .with("check_refund_fraud", check_refund_fraud)
        .with("process_gateway_refund", process_gateway_refund)
        .with("record_refund_in_ledger", record_refund_in_ledger)
        .with("notify_refunded_customer", notify_refunded_customer)
}

/// How suspicious a claim is, from 0 to 100.
#[derive(Debug, Serialize, Deserialize)]
struct Assessment {
    score: u32,
    signals: Vec<String>,
}

async fn validate_refund_eligibility(context: StepContext) -> Result<Eligibility, StepError> {
    let claim: Claim = context.input_as()?;
    let window_days: i32 = context.config("refund_window_days")?;
    Payment::find(&claim.payment_id)?.eligibility(&claim, window_days)
}

/// Adds up what speaks against the claim; from `score_max` of the configuration on it is refused.
async fn check_refund_fraud(context: StepContext) -> Result<Assessment, StepError> {
    let claim: Claim = context.input_as()?;
    let eligibility: Eligibility = context.dependency_as("validate_eligibility")?;
    let score_max: u32 = context.config("score_max")?;
    let payment = Payment::find(&claim.payment_id)?;

    let signals = [
        ("many_refunds_before", 40, payment.refunds >= 3),
        ("large_amount", 25, claim.amount_cents >= 50_000),
        ("claimed_within_a_day", 20, eligibility.age_days <= 1),
        ("payment_denied_by_holder", 30, claim.reason == "unauthorized"),
    ];
    let raised: Vec<_> = signals.into_iter().filter(|(_, _, raised)| *raised).collect();
    let score = raised.iter().map(|(_, points, _)| points).sum::<u32>().min(100);
    let signals: Vec<String> = raised.into_iter().map(|(name, ..)| name.to_owned()).collect();
    if score >= score_max {
        let message = format!("the score is {score}, the limit {score_max}: {}", signals.join(", "));
        let assessment = json!({"score": score, "signals": signals});
        return Err(StepError::permanent("fraud_suspected", message).with_context(assessment));
    }
    Ok(Assessment { score, signals })
}

async fn process_gateway_refund(context: StepContext) -> Result<Refund, StepError> {
    let claim: Claim = context.input_as()?;
    Payment::find(&claim.payment_id)?.refund(&claim, context.retry_count())
}

/// Double entry: what is debited equals what is credited. The gateway keeps a fee, which is ours to bear.
async fn record_refund_in_ledger(context: StepContext) -> Result<Value, StepError> {
    let refund: Refund = context.dependency_as("process_refund")?;
    let fee_cents = share(refund.amount_cents, context.config("fee_basis_points")?);
    let line = |account: &str, debit_cents: u64, credit_cents: u64| json!({"account": account, "debit_cents": debit_cents, "credit_cents": credit_cents});
    Ok(json!({
        "entry_id": reference("led", &[&refund.refund_id]),
        "currency": refund.currency,
        "lines": [
            line("refunds", refund.amount_cents, 0),
            line("gateway_fees", fee_cents, 0),
            line("gateway_balance", 0, refund.amount_cents + fee_cents),
        ],
    }))
}

async fn notify_refunded_customer(context: StepContext) -> Result<Value, StepError> {
    let refund: Refund = context.dependency_as("process_refund")?;
    let eligibility: Eligibility = context.dependency_as("validate_eligibility")?;
    let payment = Payment::find(&refund.payment_id)?;
    let sum = amount(refund.amount_cents, &refund.currency);
    let what = if eligibility.full_refund { "in full" } else { "in part" };
    Ok(json!({
        "message_id": reference("msg", &[&payment.email, &refund.refund_id]),
        "to": payment.email,
        "subject": format!("{sum} are on their way back to you"),
        "body": format!(
            "Dear {},\n\nwe have refunded your payment {} {what}: {sum}, to your {}.\nYour bank may need up to five days.\n",
            payment.customer, payment.payment_id, refund.card
        ),
    }))
}
