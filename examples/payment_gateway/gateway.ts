/** A payment provider without money: what a card does is told by its token in `cards.json`. */

import { PermanentError, RetryableError, type StepFailure } from "@tasker-systems/tasker";
import { reference } from "../src/reference.js";
import cardsByToken from "./cards.json" with { type: "json" };

/** An amount to move. */
export interface Request {
  /** The card. */
  token: string;
  amountCents: number;
  /** ISO 4217 code. */
  currency: string;
  /** The caller's own name of this request; the same key gives the same id. */
  idempotencyKey: string;
  /** Tries of this request that failed before this one; the sandbox remembers nothing. */
  failedTries: number;
  /** The code of the failure for a bank's no. */
  declinedAs: string;
}

/** What the provider answers with when it did what it was asked for. */
export interface Receipt {
  id: string;
  /** Brand and last digits, for texts to people. */
  card: string;
  amount_cents: number;
  currency: string;
}

interface Behaviour {
  decline?: string;
  time_out?: number;
}

interface Card {
  brand: string;
  last4: string;
  authorize?: Behaviour;
  refund?: Behaviour;
}

const cards: Readonly<Record<string, Card>> = cardsByToken;

/** Sets an amount aside on a card. Throws `gateway_timeout`, `declinedAs`, `unknown_payment_token`. */
export function authorize(request: Request): Receipt {
  return move("auth", "authorize", request);
}

/** Pays an amount back to a card. Throws like `authorize`. */
export function refund(request: Request): Receipt {
  return move("re", "refund", request);
}

function move(prefix: string, what: "authorize" | "refund", request: Request): Receipt {
  const { token, amountCents, currency, idempotencyKey } = request;
  const card = Object.hasOwn(cards, token) ? cards[token] : undefined;
  if (card === undefined) {
    throw new PermanentError(`no card has the token \`${token}\``, { errorCode: "unknown_payment_token" });
  }
  const refusal = refusalOf(card[what] ?? {}, request);
  if (refusal !== undefined) throw refusal;
  return {
    id: reference(prefix, token, String(amountCents), currency, idempotencyKey),
    card: `${card.brand} ending in ${card.last4}`,
    amount_cents: amountCents,
    currency,
  };
}

function refusalOf({ decline, time_out = 0 }: Behaviour, request: Request): StepFailure | undefined {
  if (decline !== undefined) {
    const options = { errorCode: request.declinedAs, context: { reason: decline } };
    return new PermanentError(`the card's bank declined: ${decline}`, options);
  }
  if (request.failedTries >= time_out) return undefined;
  return new RetryableError(`the gateway did not answer (try ${request.failedTries + 1})`, {
    errorCode: "gateway_timeout",
  });
}
