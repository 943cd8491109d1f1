//! A journey: what is booked for it, how it is paid, and how all of that is given back when something fails.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{HandlerRegistry, StepContext, StepError, protocol::Ending};

use crate::{
    money::amount,
    payment_gateway::{Gateway, Receipt, Request},
    reference::reference,
};

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with("book_flight", |context| book(context, "flight"))
        .with("book_hotel", |context| book(context, "hotel"))
        .with("rent_car", |context| book(context, "car"))
        .with("cancel_booking", cancel_booking)
        .with("charge_card", charge_card)
        .with("refund_card", refund_card)
        .with("issue_tickets", issue_tickets)
        .with("send_summary", send_summary)
}

const CURRENCY: &str = "EUR";
/// What can be booked, in the order in which it is told.
const BOOKINGS: [&str; 3] = ["book_flight", "book_hotel", "rent_car"];

#[derive(Debug, Deserialize)]
struct Journey {
    traveller: Traveller,
    destination: String,
    departs_on: String,
    returns_on: String,
    card: String,
}

#[derive(Debug, Deserialize)]
struct Traveller {
    name: String,
    email: String,
}

/// How a provider answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Offer {
    provider: String,
    cents: u64,
    /// The code of the answer that is no offer.
    refusal: Option<String>,
    /// For how many tries there is no answer.
    busy_tries: u32,
    cancel_refusal: Option<String>,
    cancel_busy_tries: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Booking {
    booking_id: String,
    kind: String,
    provider: String,
    cents: u64,
}

/// By destination and kind.
static OFFERS: LazyLock<BTreeMap<String, BTreeMap<String, Offer>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("offers.json")).unwrap_or_default());

impl Offer {
    fn find(destination: &str, kind: &str) -> Result<&'static Self, StepError> {
        let message = || format!("nobody has an offer of a {kind} for `{destination}`");
        let offer = OFFERS.get(destination).and_then(|offers| offers.get(kind));
        offer.ok_or_else(|| StepError::permanent("destination_unknown", message()))
    }

    fn answer(&self, failed_tries: u32, busy_tries: u32, refusal: Option<&str>) -> Result<(), StepError> {
        if failed_tries < busy_tries {
            return Err(StepError::retryable("provider_busy", format!("{} does not answer", self.provider)));
        }
        refusal.map_or(Ok(()), |code| Err(StepError::permanent(code, format!("{} declined", self.provider))))
    }
}

async fn book(context: StepContext, kind: &str) -> Result<Booking, StepError> {
    let Journey { traveller, destination, departs_on, returns_on, .. } = context.input_as()?;
    let offer = Offer::find(&destination, kind)?;
    offer.answer(context.retry_count(), offer.busy_tries, offer.refusal.as_deref())?;
    // The same journey gives the same booking, so that an attempt that is repeated books nothing twice.
    let booking_id = reference("bkg", &[kind, &traveller.email, &destination, &departs_on, &returns_on]);
    Ok(Booking { booking_id, kind: kind.to_owned(), provider: offer.provider.clone(), cents: offer.cents })
}

/// Gives back what the step that is undone has booked.
async fn cancel_booking(context: StepContext) -> Result<Value, StepError> {
    let Journey { destination, .. } = context.input_as()?;
    let booking: Booking = context.dependency_as(context.step_name())?;
    let offer = Offer::find(&destination, &booking.kind)?;
    offer.answer(context.retry_count(), offer.cancel_busy_tries, offer.cancel_refusal.as_deref())?;
    let because = context.ending().map_or("", why);
    Ok(json!({"cancelled": booking.booking_id, "because": because}))
}

async fn charge_card(context: StepContext) -> Result<Receipt, StepError> {
    let Journey { traveller, destination, departs_on, card, .. } = context.input_as()?;
    let amount_cents = bookings(&context)?.iter().map(|booking| booking.cents).sum();
    let key = reference("trip", &[&traveller.email, &destination, &departs_on]);
    let request = Request {
        token: &card,
        amount_cents,
        currency: CURRENCY,
        idempotency_key: &key,
        failed_tries: context.retry_count(),
    };
    Gateway::sandbox()?.authorize(request).map_err(|refusal| refusal.into_step_error("payment_declined"))
}

async fn refund_card(context: StepContext) -> Result<Receipt, StepError> {
    let Journey { card, .. } = context.input_as()?;
    let charged: Receipt = context.dependency_as(context.step_name())?;
    let request = Request {
        token: &card,
        amount_cents: charged.amount_cents,
        currency: &charged.currency,
        idempotency_key: &charged.id,
        failed_tries: context.retry_count(),
    };
    Gateway::sandbox()?.refund(request).map_err(|refusal| refusal.into_step_error("refund_declined"))
}

async fn issue_tickets(context: StepContext) -> Result<Value, StepError> {
    let Journey { destination, .. } = context.input_as()?;
    let offer = Offer::find(&destination, "tickets")?;
    offer.answer(context.retry_count(), offer.busy_tries, offer.refusal.as_deref())?;
    let flight: Booking = context.dependency_as("book_flight")?;
    Ok(json!({"ticket_id": reference("tkt", &[&flight.booking_id])}))
}

/// One mail, whatever came of it.
async fn send_summary(context: StepContext) -> Result<Value, StepError> {
    let Journey { traveller, destination, departs_on, returns_on, .. } = context.input_as()?;
    let bookings = bookings(&context)?;
    let total: u64 = bookings.iter().map(|booking| booking.cents).sum();
    let because = context.ending().map_or("complete", why);
    let is_booked = because == "complete";
    let mut body = format!("Dear {},\n\n", traveller.name);
    body += &match is_booked {
        true => format!("you travel to {destination} from {departs_on} to {returns_on}:\n"),
        false => format!("your journey to {destination} could not be booked ({because}).\n"),
    };
    if !is_booked && !bookings.is_empty() {
        body += "We have asked for this to be cancelled:\n";
    }
    for booking in &bookings {
        body += &format!("- {}: {}, {}\n", booking.kind, booking.provider, amount(booking.cents, CURRENCY));
    }
    if is_booked {
        body += &format!("Total: {}\n", amount(total, CURRENCY));
    }
    Ok(json!({
        "message_id": reference("msg", &[&traveller.email, &destination, &departs_on, because]),
        "to": traveller.email,
        "booked": is_booked,
        "body": body,
    }))
}

/// What was booked: a car only where one was asked for, and less when something failed.
fn bookings(context: &StepContext) -> Result<Vec<Booking>, StepError> {
    let booked = BOOKINGS.into_iter().filter(|step| context.dependency_results().contains_key(*step));
    booked.map(|step| context.dependency_as(step)).collect()
}

/// Why the task ends as it does: the code of what failed, or how it ends.
fn why(ending: &Ending) -> &str {
    ending.error.as_ref().map_or_else(|| ending.status.as_str(), |error| &error.code)
}
