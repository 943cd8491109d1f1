"""The payments that were taken, and giving them back."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from payment_gateway import gateway
from reference import reference
from tasker_core import PermanentError


@dataclass
class Claim:
    """What shall be given back."""

    payment_id: str
    amount_cents: int
    reason: str
    requested_on: str


@dataclass
class Eligibility:
    """A claim that the payment allows."""

    payment_id: str
    currency: str
    age_days: int
    remaining_cents: int
    full_refund: bool


@dataclass
class Refund:
    """A refund that was paid out."""

    refund_id: str
    payment_id: str
    amount_cents: int
    currency: str
    card: str


@dataclass
class Payment:
    payment_id: str
    customer: str
    email: str
    token: str
    currency: str
    amount_cents: int
    refunded_cents: int
    refunds: int
    status: str
    captured_on: str

    @classmethod
    def find(cls, payment_id: str) -> "Payment":
        """Raises ``payment_not_found``."""
        payment = _PAYMENTS.get(payment_id)
        if payment is None:
            raise PermanentError(f"there is no payment `{payment_id}`", error_code="payment_not_found")
        return cls(**payment)

    def eligibility(self, claim: Claim, window_days: int) -> Eligibility:
        """Raises ``payment_not_captured``, ``amount_exceeds_payment`` or ``refund_window_closed``."""
        if self.status != "captured":
            message = f"`{self.payment_id}` is {self.status}: there is nothing to give back yet"
            raise PermanentError(message, error_code="payment_not_captured")
        left_cents = max(0, self.amount_cents - self.refunded_cents)
        if claim.amount_cents > left_cents:
            message = f"{claim.amount_cents} cents are claimed and {left_cents} are left"
            figures = {"claimed_cents": claim.amount_cents, "left_cents": left_cents}
            raise PermanentError(message, error_code="amount_exceeds_payment", context=figures)
        age_days = (date.fromisoformat(claim.requested_on) - date.fromisoformat(self.captured_on)).days
        if age_days > window_days:
            message = f"the payment is {age_days} days old, refunds end after {window_days}"
            raise PermanentError(message, error_code="refund_window_closed")
        remaining_cents = left_cents - claim.amount_cents
        is_full = claim.amount_cents == self.amount_cents
        return Eligibility(self.payment_id, self.currency, age_days, remaining_cents, is_full)

    def refund(self, claim: Claim, failed_tries: int) -> Refund:
        """Pays back through the gateway. The same claim has the same key there, so that nothing is paid twice."""
        key = reference("claim", self.payment_id, str(claim.amount_cents), claim.reason)
        request = gateway.Request(self.token, claim.amount_cents, self.currency, key, failed_tries)
        receipt = gateway.refund(request, "refund_declined")
        return Refund(
            receipt.id,
            self.payment_id,
            receipt.amount_cents,
            receipt.currency,
            receipt.card,
        )


_PAYMENTS: dict[str, dict[str, Any]] = {
    payment["payment_id"]: payment for payment in json.loads((Path(__file__).parent / "payments.json").read_text())
}
