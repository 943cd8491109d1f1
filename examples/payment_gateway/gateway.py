"""A payment provider without money: what a card does is told by its token in ``cards.json``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference import reference
from tasker_core import PermanentError, RetryableError

_CARDS = json.loads((Path(__file__).parent / "cards.json").read_text())


@dataclass
class Receipt:
    """What the provider answers with when it did what it was asked for."""

    id: str
    card: str
    amount_cents: int
    currency: str


@dataclass
class Request:
    """An amount to move. ``failed_tries`` counts those before this one: the sandbox remembers nothing."""

    token: str
    amount_cents: int
    currency: str
    idempotency_key: str
    failed_tries: int


def authorize(request: Request, declined: str) -> Receipt:
    """Sets an amount aside on a card; ``declined`` is the code for a bank's no."""
    return _answer(request, "authorize", "auth", declined)


def refund(request: Request, declined: str) -> Receipt:
    """Pays an amount back to a card."""
    return _answer(request, "refund", "re", declined)


def _answer(request: Request, verb: str, prefix: str, declined: str) -> Receipt:
    card = _CARDS.get(request.token)
    if card is None:
        raise PermanentError(
            f"no card has the token `{request.token}`",
            error_code="unknown_payment_token",
        )
    _behave(card.get(verb, "approve"), request.failed_tries, declined)
    parts = (
        request.token,
        str(request.amount_cents),
        request.currency,
        request.idempotency_key,
    )
    name = f"{card['brand']} ending in {card['last4']}"
    return Receipt(reference(prefix, *parts), name, request.amount_cents, request.currency)


def _behave(behaviour: Any, failed_tries: int, declined: str) -> None:
    if behaviour == "approve":
        return
    reason = behaviour.get("decline")
    if reason is not None:
        message = f"the card's bank declined: {reason}"
        raise PermanentError(message, error_code=declined, context={"reason": reason})
    if failed_tries < behaviour["time_out"]:
        message = f"the gateway did not answer (try {failed_tries + 1})"
        raise RetryableError(message, error_code="gateway_timeout")
