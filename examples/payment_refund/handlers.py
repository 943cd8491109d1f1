"""Giving a payment back: may it be, should it be, do it, write it down, say so."""

from typing import Any

from money import amount, share
from payment_refund.payments import Claim, Eligibility, Payment, Refund
from reference import reference
from tasker_core import PermanentError, StepContext, depends_on, inputs, step_handler


@step_handler("validate_refund_eligibility")
@inputs(Claim)
def validate_refund_eligibility(inputs: Claim, context: StepContext) -> Eligibility:
    return Payment.find(inputs.payment_id).eligibility(inputs, context.get_config("refund_window_days"))


@step_handler("check_refund_fraud")
@inputs(Claim)
@depends_on(eligibility=("validate_eligibility", Eligibility))
def check_refund_fraud(inputs: Claim, eligibility: Eligibility, context: StepContext) -> dict[str, Any]:
    """Adds up what speaks against the claim; from ``score_max`` of the configuration on it is refused."""
    payment = Payment.find(inputs.payment_id)
    signals = [
        ("many_refunds_before", 40, payment.refunds >= 3),
        ("large_amount", 25, inputs.amount_cents >= 50_000),
        ("claimed_within_a_day", 20, eligibility.age_days <= 1),
        ("payment_denied_by_holder", 30, inputs.reason == "unauthorized"),
    ]
    raised = [(name, points) for name, points, is_raised in signals if is_raised]
    assessment = {
        "score": min(100, sum(points for _, points in raised)),
        "signals": [name for name, _ in raised],
    }
    score_max = context.get_config("score_max")
    if assessment["score"] >= score_max:
        message = f"the score is {assessment['score']}, the limit {score_max}: {', '.join(assessment['signals'])}"
        raise PermanentError(message, error_code="fraud_suspected", context=assessment)
    return assessment


@step_handler("process_gateway_refund")
@inputs(Claim)
def process_gateway_refund(inputs: Claim, context: StepContext) -> Refund:
    return Payment.find(inputs.payment_id).refund(inputs, context.retry_count)


@step_handler("record_refund_in_ledger")
@depends_on(refund=("process_refund", Refund))
def record_refund_in_ledger(refund: Refund, context: StepContext) -> dict[str, Any]:
    """Double entry: what is debited equals what is credited. The gateway keeps a fee, which is ours to bear."""
    fee_cents = share(refund.amount_cents, context.get_config("fee_basis_points"))

    def line(account: str, debit_cents: int, credit_cents: int) -> dict[str, Any]:
        return {
            "account": account,
            "debit_cents": debit_cents,
            "credit_cents": credit_cents,
        }

    return {
        "entry_id": reference("led", refund.refund_id),
        "currency": refund.currency,
        "lines": [
            line("refunds", refund.amount_cents, 0),
            line("gateway_fees", fee_cents, 0),
            line("gateway_balance", 0, refund.amount_cents + fee_cents),
        ],
    }


@step_handler("notify_refunded_customer")
@depends_on(refund=("process_refund", Refund), eligibility=("validate_eligibility", Eligibility))
def notify_refunded_customer(refund: Refund, eligibility: Eligibility) -> dict[str, Any]:
    payment = Payment.find(refund.payment_id)
    total = amount(refund.amount_cents, refund.currency)
    what = "in full" if eligibility.full_refund else "in part"
    body = (
        f"Dear {payment.customer},\n\nwe have refunded your payment {payment.payment_id} {what}: {total}, "
        f"to your {refund.card}.\nYour bank may need up to five days.\n"
    )
    return {
        "message_id": reference("msg", payment.email, refund.refund_id),
        "to": payment.email,
        "subject": f"{total} are on their way back to you",
        "body": body,
    }
