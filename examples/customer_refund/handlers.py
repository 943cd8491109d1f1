"""A refund as customer service sees it: a ticket, a policy, an approval, and the payments team's code for the money."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from money import amount, share
from payment_refund.payments import Claim, Payment, Refund
from reference import reference
from tasker_core import PermanentError, depends_on, inputs, step_handler

_DESK: dict[str, Any] = json.loads((Path(__file__).parent / "desk.json").read_text())


@dataclass
class Person:
    name: str
    role: str


@dataclass
class Request:
    ticket_id: str
    payment_id: str
    amount_cents: int
    reason: str
    requested_on: str
    agent: Person
    approved_by: Person | None = None

    def claim(self, amount_cents: int) -> Claim:
        return Claim(self.payment_id, amount_cents, self.reason, self.requested_on)


@dataclass
class Case:
    """The ticket and the payment that a request is about."""

    ticket_id: str
    customer: str
    email: str
    tier: str
    currency: str


@dataclass
class Grant:
    """What the policy grants."""

    window_days: int
    restocking_fee_cents: int
    amount_cents: int


@dataclass
class Approval:
    """``automatic`` says whether the agent could decide alone."""

    approval_id: str
    approved_by: str
    role: str
    automatic: bool


@step_handler("validate_refund_request")
@inputs(Request)
def validate_refund_request(inputs: Request) -> Case:
    """The ticket must be open and about this payment."""
    ticket = next(
        (ticket for ticket in _DESK["tickets"] if ticket["ticket_id"] == inputs.ticket_id),
        None,
    )
    if ticket is None:
        raise PermanentError(f"there is no ticket `{inputs.ticket_id}`", error_code="ticket_not_found")
    if ticket["status"] == "closed":
        raise PermanentError(
            f"`{inputs.ticket_id}` is closed: reopen it first",
            error_code="ticket_closed",
        )
    if ticket["payment_id"] != inputs.payment_id:
        message = f"`{inputs.ticket_id}` is about the payment `{ticket['payment_id']}`"
        raise PermanentError(message, error_code="payment_mismatch")
    payment = Payment.find(inputs.payment_id)
    return Case(
        ticket["ticket_id"],
        ticket["customer"],
        ticket["email"],
        ticket["tier"],
        payment.currency,
    )


@step_handler("check_refund_policy")
@inputs(Request)
@depends_on(case=("validate_request", Case))
def check_refund_policy(inputs: Request, case: Case) -> Grant:
    """How long and how much the policy for this reason gives to a customer of this tier."""
    policy = _DESK["policies"].get(inputs.reason)
    if policy is None:
        raise PermanentError(
            f"no policy covers the reason `{inputs.reason}`",
            error_code="reason_not_covered",
        )
    window_days = policy["window_days"].get(case.tier, 0)
    # The payment has the last word on its amount and its age; asking it here spares an approval that is worth nothing.
    Payment.find(inputs.payment_id).eligibility(inputs.claim(inputs.amount_cents), window_days)
    fee_cents = share(inputs.amount_cents, policy["restocking_basis_points"])
    return Grant(window_days, fee_cents, inputs.amount_cents - fee_cents)


@step_handler("approve_refund")
@inputs(Request)
@depends_on(grant=("check_policy", Grant))
def approve_refund(inputs: Request, grant: Grant) -> Approval:
    """Up to the agent's own limit the refund is approved at once; over it somebody with a higher one must have signed."""

    def may_approve(person: Person | None) -> bool:
        limits = _DESK["approval_limits_cents"]
        return person is not None and limits.get(person.role, 0) >= grant.amount_cents

    automatic = may_approve(inputs.agent)
    signer = inputs.agent if automatic else inputs.approved_by
    if signer is None or not may_approve(signer):
        message = f"{grant.amount_cents} cents need somebody whose limit is higher"
        figures = {"amount_cents": grant.amount_cents}
        raise PermanentError(message, error_code="approval_required", context=figures)
    approval_id = reference("apr", inputs.ticket_id, signer.name, str(grant.amount_cents))
    return Approval(approval_id, signer.name, signer.role, automatic)


@step_handler("update_ticket")
@inputs(Request)
@depends_on(
    grant=("check_policy", Grant),
    approval=("approve_refund", Approval),
    refund=("execute_refund", Refund),
)
def update_ticket(inputs: Request, grant: Grant, approval: Approval, refund: Refund) -> dict[str, Any]:
    """Closes the ticket with a note for whoever reads it next."""
    note = (
        f"Refunded {amount(refund.amount_cents, refund.currency)} ({inputs.reason}) to {refund.card}, "
        f"approved by {approval.approved_by} ({approval.role})."
    )
    if grant.restocking_fee_cents > 0:
        note += f" Kept {amount(grant.restocking_fee_cents, refund.currency)} for restocking."
    return {
        "ticket_id": inputs.ticket_id,
        "status": "closed",
        "note": note,
        "refund_id": refund.refund_id,
    }


@step_handler("notify_requester")
@depends_on(
    case=("validate_request", Case),
    grant=("check_policy", Grant),
    refund=("execute_refund", Refund),
)
def notify_requester(case: Case, grant: Grant, refund: Refund) -> dict[str, Any]:
    total = amount(refund.amount_cents, refund.currency)
    body = f"Dear {case.customer},\n\n{total} are on their way to your {refund.card}.\n"
    if grant.restocking_fee_cents > 0:
        body += f"We kept {amount(grant.restocking_fee_cents, refund.currency)} for restocking.\n"
    body += f"\nYour ticket {case.ticket_id} is closed; answer this mail to open it again.\n"
    return {
        "message_id": reference("msg", case.email, case.ticket_id),
        "to": case.email,
        "subject": f"Your refund of {total}",
        "body": body,
    }
