"""A purchase: is there money for it, who has to agree, then the order, and word to whoever asked for it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from money import amount
from reference import reference
from tasker_core import PermanentError, RetryableError, StepContext, depends_on, inputs, step_handler

CURRENCY = "EUR"
COST_CENTERS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "cost_centers.json").read_text())


@dataclass
class Person:
    name: str
    email: str


@dataclass
class Purchase:
    requester: Person
    item: str
    amount_cents: int
    cost_center: str
    supplier: str | None = None


@dataclass
class Verdict:
    approved: bool
    note: str | None = None


@dataclass
class Decision:
    """What somebody decided: the result of a step that waited for it."""

    signal: str
    payload: Verdict
    received_at: str
    #: Who sent it; None if that is not known.
    by: str | None = None


decisions = depends_on(manager=("manager_decision", Decision), deputy=("deputy_decision", Decision))


def cost_center(name: str) -> dict[str, Any]:
    if name not in COST_CENTERS:
        raise PermanentError(f"there is no cost center `{name}`", error_code="cost_center_unknown")
    return COST_CENTERS[name]


@step_handler("check_budget")
@inputs(Purchase)
def check_budget(inputs: Purchase, context: StepContext) -> dict[str, Any]:
    center = cost_center(inputs.cost_center)
    if context.retry_count < center.get("ledger_closed_tries", 0):
        message = f"the ledger of `{inputs.cost_center}` is being closed"
        raise RetryableError(message, error_code="ledger_closed")
    left_cents = center["remaining_cents"] - inputs.amount_cents
    if left_cents < 0:
        message = f"`{inputs.cost_center}` has {amount(center['remaining_cents'], CURRENCY)} left"
        raise PermanentError(message, error_code="over_budget", context={"missing_cents": -left_cents})
    return {"left_cents": left_cents, "needs_approval": inputs.amount_cents >= center["approval_from_cents"]}


@step_handler("ask_approver")
@inputs(Purchase)
def ask_approver(inputs: Purchase, context: StepContext) -> dict[str, Any]:
    """Writes to whom the configuration names: the manager or the deputy."""
    who = context.get_config("who")
    approver = Person(**cost_center(inputs.cost_center)[who])
    name, item, total = inputs.requester.name, inputs.item, amount(inputs.amount_cents, CURRENCY)
    return {
        "message_id": reference("msg", approver.email, inputs.requester.email, item),
        "to": approver.email,
        "subject": f"May {name} buy {item} for {total}?",
        "body": f"Dear {approver.name},\n\n{name} asks for {item} at {total}, to be paid by `{inputs.cost_center}`.\n"
        f"Answer with the signal `{who}_decided`.\n",
    }


@step_handler("place_order")
@decisions
@inputs(Purchase)
def place_order(
    inputs: Purchase, manager: Decision | None, deputy: Decision | None, context: StepContext
) -> dict[str, Any]:
    supplier = inputs.supplier or "house supplier"
    if supplier == "gone":
        raise PermanentError("the supplier does not trade any more", error_code="supplier_gone")
    if supplier == "busy" and not context.is_retry():
        raise RetryableError("the supplier's shop does not answer", error_code="supplier_busy")
    decision = manager or deputy
    parts = (inputs.requester.email, inputs.item, str(inputs.amount_cents), inputs.cost_center)
    return {
        "order_id": reference("po", *parts),
        "supplier": supplier,
        "amount_cents": inputs.amount_cents,
        "approved_by": decision.by if decision else None,
    }


@step_handler("tell_requester")
@decisions
@depends_on(order="place_order")
@inputs(Purchase)
def tell_requester(
    inputs: Purchase,
    manager: Decision | None,
    deputy: Decision | None,
    order: dict[str, Any] | None,
    context: StepContext,
) -> dict[str, Any]:
    requester, item, decision = inputs.requester, inputs.item, manager or deputy
    code = context.ending.error["code"] if context.ending and context.ending.error else None
    if order is not None:
        outcome, text = "ordered", f"{item} is ordered ({order['order_id']})."
    elif code == "wait_timed_out":
        outcome, text = "unanswered", f"nobody has decided in time on {item}. Please ask again."
    elif code is not None:
        outcome, text = "failed", f"{item} could not be ordered ({code})."
    else:
        outcome, text = "declined", f"{(decision and decision.by) or 'somebody'} has not approved {item}."
    note = decision.payload.note if decision else None
    quoted = f'"{note}"\n' if note else ""
    return {
        "message_id": reference("msg", requester.email, item, outcome),
        "to": requester.email,
        "outcome": outcome,
        "body": f"Dear {requester.name},\n\n{text}\n{quoted}",
    }
