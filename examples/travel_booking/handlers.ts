/** A journey: what is booked for it, how it is paid, and how all of that is given back when something fails. */

import { defineHandler, type Ending, PermanentError, RetryableError, type StepContext } from "@tasker-systems/tasker";
import { authorize, type Receipt, refund } from "../payment_gateway/gateway.js";
import { amount } from "../src/money.js";
import { reference } from "../src/reference.js";
import offers from "./offers.json" with { type: "json" };

const CURRENCY = "EUR";

type Kind = "flight" | "hotel" | "car";

/** What can be booked, in the order in which it is told. */
const BOOKINGS: readonly [step: string, kind: Kind][] = [
  ["book_flight", "flight"],
  ["book_hotel", "hotel"],
  ["rent_car", "car"],
];

interface Journey {
  traveller: { name: string; email: string };
  destination: string;
  departs_on: string;
  returns_on: string;
  car?: boolean;
  card: string;
}

/** How a provider answers. */
interface Offer {
  provider?: string;
  cents?: number;
  /** The code of the answer that is no offer. */
  refusal?: string;
  /** For how many tries there is no answer. */
  busy_tries?: number;
  cancel_refusal?: string;
  cancel_busy_tries?: number;
}

interface Booking {
  booking_id: string;
  kind: Kind;
  provider: string;
  cents: number;
}

function journeyOf(context: StepContext): Journey {
  return context.inputData as unknown as Journey;
}

function offerOf(destination: string, kind: Kind | "tickets"): Offer {
  const known = offers as Record<string, Record<string, Offer>>;
  const offer = Object.hasOwn(known, destination) ? known[destination]?.[kind] : undefined;
  if (offer !== undefined) return offer;
  const message = `nobody has an offer of a ${kind} for \`${destination}\``;
  throw new PermanentError(message, { errorCode: "destination_unknown" });
}

/** Returns, or fails as the provider does. */
function answer(provider = "the office", context: StepContext, busyTries = 0, refusal?: string): void {
  if (context.retryCount < busyTries) {
    throw new RetryableError(`${provider} does not answer`, { errorCode: "provider_busy" });
  }
  if (refusal !== undefined) throw new PermanentError(`${provider} declined`, { errorCode: refusal });
}

const bookingHandlers = BOOKINGS.map(([step, kind]) =>
  defineHandler(step, {}, ({ context }): Booking => {
    const { traveller, destination, departs_on, returns_on } = journeyOf(context);
    const { provider = "", cents = 0, busy_tries, refusal } = offerOf(destination, kind);
    answer(provider, context, busy_tries, refusal);
    // The same journey gives the same booking, so that an attempt that is repeated books nothing twice.
    const booking_id = reference("bkg", kind, traveller.email, destination, departs_on, returns_on);
    return { booking_id, kind, provider, cents };
  }),
);

/** Gives back what the step that is undone has booked. */
const CancelBooking = defineHandler("cancel_booking", {}, ({ context }) => {
  const booking = context.getDependencyResult<Booking>(context.stepName);
  const { provider, cancel_busy_tries, cancel_refusal } = offerOf(journeyOf(context).destination, booking.kind);
  answer(provider, context, cancel_busy_tries, cancel_refusal);
  return { cancelled: booking.booking_id, because: why(context.ending) };
});

const ChargeCard = defineHandler("charge_card", {}, ({ context }): Receipt => {
  const { traveller, destination, departs_on, card } = journeyOf(context);
  return authorize({
    token: card,
    amountCents: bookings(context).reduce((sum, { cents }) => sum + cents, 0),
    currency: CURRENCY,
    idempotencyKey: reference("trip", traveller.email, destination, departs_on),
    failedTries: context.retryCount,
    declinedAs: "payment_declined",
  });
});

const RefundCard = defineHandler("refund_card", {}, ({ context }): Receipt => {
  const charged = context.getDependencyResult<Receipt>(context.stepName);
  return refund({
    token: journeyOf(context).card,
    amountCents: charged.amount_cents,
    currency: charged.currency,
    idempotencyKey: charged.id,
    failedTries: context.retryCount,
    declinedAs: "refund_declined",
  });
});

const IssueTickets = defineHandler("issue_tickets", {}, ({ context }) => {
  const { provider, busy_tries, refusal } = offerOf(journeyOf(context).destination, "tickets");
  answer(provider, context, busy_tries, refusal);
  return { ticket_id: reference("tkt", context.getDependencyField<string>("book_flight", "booking_id")) };
});

/** One mail, whatever came of it. */
const SendSummary = defineHandler("send_summary", {}, ({ context }) => {
  const journey = journeyOf(context);
  const because = why(context.ending);
  const { name, email } = journey.traveller;
  return {
    message_id: reference("msg", email, journey.destination, journey.departs_on, because),
    to: email,
    booked: because === "complete",
    body: `Dear ${name},\n\n${summary(journey, bookings(context), because)}`,
  };
});

function summary({ destination, departs_on, returns_on }: Journey, booked: Booking[], because: string): string {
  const lines = booked.map(({ kind, provider, cents }) => `- ${kind}: ${provider}, ${amount(cents, CURRENCY)}\n`);
  if (because === "complete") {
    const total = booked.reduce((sum, { cents }) => sum + cents, 0);
    lines.push(`Total: ${amount(total, CURRENCY)}\n`);
    return `you travel to ${destination} from ${departs_on} to ${returns_on}:\n${lines.join("")}`;
  }
  if (lines.length > 0) lines.unshift("We have asked for this to be cancelled:\n");
  return `your journey to ${destination} could not be booked (${because}).\n${lines.join("")}`;
}

/** What was booked: a car only where one was asked for, and less when something failed. */
function bookings(context: StepContext): Booking[] {
  const booked = BOOKINGS.map(([step]) => context.getDependencyResult<Booking | undefined>(step));
  return booked.filter((booking) => booking !== undefined);
}

/** Why the task ends as it does: the code of what failed, or how it ends. */
function why(ending?: Ending): string {
  return ending?.error?.code ?? ending?.status ?? "";
}

export const handlers = [...bookingHandlers, CancelBooking, ChargeCard, RefundCard, IssueTickets, SendSummary];
