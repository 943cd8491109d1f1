/** The payments that were taken, and giving them back. */

import { PermanentError, ValidationError } from "@tasker-systems/tasker";
import * as gateway from "../payment_gateway/gateway.js";
import { reference } from "../src/reference.js";
import payments from "./payments.json" with { type: "json" };

export interface Payment {
  payment_id: string;
  customer: string;
  email: string;
  /** The card. */
  token: string;
  /** ISO 4217 code. */
  currency: string;
  amount_cents: number;
  /** Given back before. */
  refunded_cents: number;
  /** How often something was given back before. */
  refunds: number;
  status: string;
  captured_on: string;
}

/** What shall be given back. */
export interface Claim {
  payment_id: string;
  amount_cents: number;
  reason: string;
  requested_on: string;
}

/** A claim that the payment allows. */
export interface Eligibility {
  payment_id: string;
  currency: string;
  age_days: number;
  /** What is left of the payment after this refund. */
  remaining_cents: number;
  full_refund: boolean;
}

/** A refund that was paid out. */
export interface Refund {
  refund_id: string;
  payment_id: string;
  amount_cents: number;
  currency: string;
  card: string;
}

/** The payment of that id in `payments.json`. Throws `payment_not_found`. */
export function findPayment(paymentId: string): Payment {
  const payment = payments.find((payment) => payment.payment_id === paymentId);
  if (payment !== undefined) return payment;
  throw new PermanentError(`there is no payment \`${paymentId}\``, { errorCode: "payment_not_found" });
}

/**
 * Whether the claim can be met: the money was taken, enough of it is left, and not too many days have passed. Throws
 * `payment_not_captured`, `amount_exceeds_payment`, `refund_window_closed`.
 */
export function eligibility(payment: Payment, claim: Claim, windowDays: number): Eligibility {
  const { payment_id, currency, status } = payment;
  if (status !== "captured") {
    const message = `\`${payment_id}\` is ${status}: there is nothing to give back yet`;
    throw new PermanentError(message, { errorCode: "payment_not_captured" });
  }
  const left_cents = Math.max(0, payment.amount_cents - payment.refunded_cents);
  const remaining_cents = left_cents - claim.amount_cents;
  if (remaining_cents < 0) {
    const context = { claimed_cents: claim.amount_cents, left_cents };
    const message = `${claim.amount_cents} cents are claimed and ${left_cents} are left`;
    throw new PermanentError(message, { errorCode: "amount_exceeds_payment", context });
  }
  const age_days = (dayOf(claim.requested_on) - dayOf(payment.captured_on)) / DAY_MS;
  if (age_days > windowDays) {
    const message = `the payment is ${age_days} days old, refunds end after ${windowDays}`;
    throw new PermanentError(message, { errorCode: "refund_window_closed" });
  }
  return { payment_id, currency, age_days, remaining_cents, full_refund: claim.amount_cents === payment.amount_cents };
}

/**
 * Pays back through the gateway. The same claim has the same key there, so that a second attempt whose first one went
 * through after all pays nothing twice. Throws `gateway_timeout`, `refund_declined`, `unknown_payment_token`.
 */
export function payBack(payment: Payment, claim: Omit<Claim, "requested_on">, failedTries: number): Refund {
  const { id: refund_id, ...moved } = gateway.refund({
    token: payment.token,
    amountCents: claim.amount_cents,
    currency: payment.currency,
    idempotencyKey: reference("claim", payment.payment_id, String(claim.amount_cents), claim.reason),
    failedTries,
    declinedAs: "refund_declined",
  });
  return { refund_id, payment_id: payment.payment_id, ...moved };
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** The beginning of a day as the number of its milliseconds. */
function dayOf(date: string): number {
  const time = Date.parse(`${date}T00:00:00Z`);
  // `Date.parse` takes the 31st of February for the 3rd of March.
  if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(date)) return time;
  throw new ValidationError(`\`${date}\` is no day`, { errorCode: "input_invalid" });
}
