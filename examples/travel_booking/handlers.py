"""A journey: what is booked for it, how it is paid, and how all of that is given back when something fails."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from money import amount
from payment_gateway.gateway import Receipt, Request, authorize, refund
from reference import reference
from tasker_core import Ending, PermanentError, RetryableError, StepContext, inputs, step_handler

CURRENCY = "EUR"
#: What can be booked, in the order in which it is told.
BOOKINGS = ("book_flight", "book_hotel", "rent_car")
#: By destination and kind.
OFFERS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "offers.json").read_text())


@dataclass
class Traveller:
    name: str
    email: str


@dataclass
class Journey:
    traveller: Traveller
    destination: str
    departs_on: str
    returns_on: str
    card: str
    car: bool = False


@dataclass
class Booking:
    booking_id: str
    kind: str
    provider: str
    cents: int


def offer_of(destination: str, kind: str) -> dict[str, Any]:
    offer = OFFERS.get(destination, {}).get(kind)
    if offer is None:
        message = f"nobody has an offer of a {kind} for `{destination}`"
        raise PermanentError(message, error_code="destination_unknown")
    return offer


def answer(offer: dict[str, Any], context: StepContext, prefix: str = "") -> None:
    """Returns, or fails as the provider does."""
    provider = offer.get("provider", "the office")
    if context.retry_count < offer.get(f"{prefix}busy_tries", 0):
        raise RetryableError(f"{provider} does not answer", error_code="provider_busy")
    if f"{prefix}refusal" in offer:
        raise PermanentError(f"{provider} declined", error_code=offer[f"{prefix}refusal"])


def book(kind: str, journey: Journey, context: StepContext) -> Booking:
    offer = offer_of(journey.destination, kind)
    answer(offer, context)
    # The same journey gives the same booking, so that an attempt that is repeated books nothing twice.
    parts = (kind, journey.traveller.email, journey.destination, journey.departs_on, journey.returns_on)
    return Booking(reference("bkg", *parts), kind, offer["provider"], offer["cents"])


@step_handler("book_flight")
@inputs(Journey)
def book_flight(inputs: Journey, context: StepContext) -> Booking:
    return book("flight", inputs, context)


@step_handler("book_hotel")
@inputs(Journey)
def book_hotel(inputs: Journey, context: StepContext) -> Booking:
    return book("hotel", inputs, context)


@step_handler("rent_car")
@inputs(Journey)
def rent_car(inputs: Journey, context: StepContext) -> Booking:
    return book("car", inputs, context)


@step_handler("cancel_booking")
@inputs(Journey)
def cancel_booking(inputs: Journey, context: StepContext) -> dict[str, Any]:
    """Gives back what the step that is undone has booked."""
    booking: Booking = context.get_dependency_result(context.step_name, Booking)
    answer(offer_of(inputs.destination, booking.kind), context, "cancel_")
    return {"cancelled": booking.booking_id, "because": why(context.ending)}


@step_handler("charge_card")
@inputs(Journey)
def charge_card(inputs: Journey, context: StepContext) -> Receipt:
    total = sum(booking.cents for booking in bookings(context))
    key = reference("trip", inputs.traveller.email, inputs.destination, inputs.departs_on)
    return authorize(Request(inputs.card, total, CURRENCY, key, context.retry_count), "payment_declined")


@step_handler("refund_card")
@inputs(Journey)
def refund_card(inputs: Journey, context: StepContext) -> Receipt:
    charged: Receipt = context.get_dependency_result(context.step_name, Receipt)
    request = Request(inputs.card, charged.amount_cents, charged.currency, charged.id, context.retry_count)
    return refund(request, "refund_declined")


@step_handler("issue_tickets")
@inputs(Journey)
def issue_tickets(inputs: Journey, context: StepContext) -> dict[str, Any]:
    answer(offer_of(inputs.destination, "tickets"), context)
    return {"ticket_id": reference("tkt", context.get_dependency_field("book_flight", "booking_id"))}


@step_handler("send_summary")
@inputs(Journey)
def send_summary(inputs: Journey, context: StepContext) -> dict[str, Any]:
    """One mail, whatever came of it."""
    booked, because = bookings(context), why(context.ending)
    is_booked = because == "complete"
    body = f"Dear {inputs.traveller.name},\n\n"
    if is_booked:
        body += f"you travel to {inputs.destination} from {inputs.departs_on} to {inputs.returns_on}:\n"
    else:
        body += f"your journey to {inputs.destination} could not be booked ({because}).\n"
        body += "We have asked for this to be cancelled:\n" if booked else ""
    for booking in booked:
        body += f"- {booking.kind}: {booking.provider}, {amount(booking.cents, CURRENCY)}\n"
    if is_booked:
        body += f"Total: {amount(sum(booking.cents for booking in booked), CURRENCY)}\n"
    return {
        "message_id": reference("msg", inputs.traveller.email, inputs.destination, inputs.departs_on, because),
        "to": inputs.traveller.email,
        "booked": is_booked,
        "body": body,
    }


def bookings(context: StepContext) -> list[Booking]:
    """What was booked: a car only where one was asked for, and less when something failed."""
    booked = [step for step in BOOKINGS if step in context.dependency_results]
    return [context.get_dependency_result(step, Booking) for step in booked]


def why(ending: Ending | None) -> str:
    """Why the task ends as it does: the code of what failed, or how it ends."""
    if ending is None:
        return ""
    return ending.error["code"] if ending.error else ending.status
