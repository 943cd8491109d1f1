//! A refund as customer service sees it: a ticket, a policy, an approval, and the payments team's code for the money.

pub mod desk;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{HandlerRegistry, StepContext, StepError};

use self::desk::Desk;
use crate::{
    money::{amount, share},
    payment_refund::payments::{Claim, Payment, Refund},
    reference::reference,
};

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with("validate_refund_request", validate_refund_request)
        .with("check_refund_policy", check_refund_policy)
        .with("approve_refund", approve_refund)
        .with("update_ticket", update_ticket)
        .with("notify_requester", notify_requester)
}

#[derive(Debug, Deserialize)]
struct Request {
    ticket_id: String,
    payment_id: String,
    amount_cents: u64,
    reason: String,
    requested_on: Date,
    agent: Person,
    approved_by: Option<Person>,
}

#[derive(Debug, Deserialize)]
struct Person {
    name: String,
    role: String,
}

/// The ticket and the payment that a request is about.
#[derive(Debug, Serialize, Deserialize)]
struct Case {
    ticket_id: String,
    customer: String,
    email: String,
    tier: String,
    currency: String,
}

/// What the policy grants.
#[derive(Debug, Serialize, Deserialize)]
struct Grant {
    window_days: i32,
    restocking_fee_cents: u64,
    amount_cents: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Approval {
    approval_id: String,
    approved_by: String,
    role: String,
    /// Whether the agent could decide alone.
    automatic: bool,
}

/// The ticket must be open and about this payment.
async fn validate_refund_request(context: StepContext) -> Result<Case, StepError> {
    let request: Request = context.input_as()?;
    let desk = Desk::load()?;
    let ticket = desk.ticket(&request.ticket_id)?;
    if ticket.status == "closed" {
        return Err(StepError::permanent(
            "ticket_closed",
            format!("`{}` is closed: reopen it first", ticket.ticket_id),
        ));
    }
    if ticket.payment_id != request.payment_id {
        let message = format!("`{}` is about the payment `{}`", ticket.ticket_id, ticket.payment_id);
        return Err(StepError::permanent("payment_mismatch", message));
    }
    let payment = Payment::find(&request.payment_id)?;
    Ok(Case {
        ticket_id: ticket.ticket_id.clone(),
        customer: ticket.customer.clone(),
        email: ticket.email.clone(),
        tier: ticket.tier.clone(),
        currency: payment.currency,
    })
}

/// How long and how much the policy for this reason gives to a customer of this tier.
async fn check_refund_policy(context: StepContext) -> Result<Grant, StepError> {
    let request: Request = context.input_as()?;
    let case: Case = context.dependency_as("validate_request")?;
    let desk = Desk::load()?;
    let policy = desk.policy(&request.reason)?;
    let window_days = policy.window_days.get(&case.tier).copied().unwrap_or(0);
    // The payment has the last word on its amount and its age; asking it here spares an approval that is worth nothing.
    Payment::find(&request.payment_id)?.eligibility(&request.claim(request.amount_cents), window_days)?;
    let restocking_fee_cents = share(request.amount_cents, policy.restocking_basis_points);
    Ok(Grant { window_days, restocking_fee_cents, amount_cents: request.amount_cents - restocking_fee_cents })
}

/// Up to the agent's own limit the refund is approved at once; over it somebody with a higher one must have signed.
async fn approve_refund(context: StepContext) -> Result<Approval, StepError> {
    let request: Request = context.input_as()?;
    let grant: Grant = context.dependency_as("check_policy")?;
    let desk = Desk::load()?;
    let may_approve = |person: &Person| desk.approval_limit_cents(&person.role) >= grant.amount_cents;

    let automatic = may_approve(&request.agent);
    let signer = if automatic { Some(request.agent) } else { request.approved_by.filter(may_approve) };
    let Some(Person { name, role }) = signer else {
        let message = format!("{} cents need somebody whose limit is higher", grant.amount_cents);
        let figures = json!({"amount_cents": grant.amount_cents});
        return Err(StepError::permanent("approval_required", message).with_context(figures));
    };
    let approval_id = reference("apr", &[&request.ticket_id, &name, &grant.amount_cents.to_string()]);
    Ok(Approval { approval_id, approved_by: name, role, automatic })
}

/// Closes the ticket with a note for whoever reads it next.
async fn update_ticket(context: StepContext) -> Result<Value, StepError> {
    let request: Request = context.input_as()?;
    let grant: Grant = context.dependency_as("check_policy")?;
    let approval: Approval = context.dependency_as("approve_refund")?;
    let refund: Refund = context.dependency_as("execute_refund")?;
    let mut note = format!(
        "Refunded {} ({}) to {}, approved by {} ({}).",
        amount(refund.amount_cents, &refund.currency),
        request.reason,
        refund.card,
        approval.approved_by,
        approval.role
    );
    if grant.restocking_fee_cents > 0 {
        note += &format!(" Kept {} for restocking.", amount(grant.restocking_fee_cents, &refund.currency));
    }
    Ok(json!({"ticket_id": request.ticket_id, "status": "closed", "note": note, "refund_id": refund.refund_id}))
}

async fn notify_requester(context: StepContext) -> Result<Value, StepError> {
    let case: Case = context.dependency_as("validate_request")?;
    let grant: Grant = context.dependency_as("check_policy")?;
    let refund: Refund = context.dependency_as("execute_refund")?;
    let sum = amount(refund.amount_cents, &refund.currency);
    let mut body = format!("Dear {},\n\n{sum} are on their way to your {}.\n", case.customer, refund.card);
    if grant.restocking_fee_cents > 0 {
        body += &format!("We kept {} for restocking.\n", amount(grant.restocking_fee_cents, &refund.currency));
    }
    body += &format!("\nYour ticket {} is closed; answer this mail to open it again.\n", case.ticket_id);
    Ok(json!({
        "message_id": reference("msg", &[&case.email, &case.ticket_id]),
        "to": case.email,
        "subject": format!("Your refund of {sum}"),
        "body": body,
    }))
}

impl Request {
    fn claim(&self, amount_cents: u64) -> Claim {
        Claim {
            payment_id: self.payment_id.clone(),
            amount_cents,
            reason: self.reason.clone(),
            requested_on: self.requested_on,
        }
    }
}
