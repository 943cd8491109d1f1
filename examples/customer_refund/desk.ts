/** The help desk: its tickets, its refund policies, and who may approve how much. */

import { PermanentError } from "@tasker-systems/tasker";
import desk from "./desk.json" with { type: "json" };

export interface Ticket {
  ticket_id: string;
  customer: string;
  email: string;
  tier: string;
  payment_id: string;
  status: string;
}

export interface Policy {
  /** By the customer's tier: days after the payment in which refunds are given. */
  window_days: Record<string, number>;
  /** What is kept back, in hundredths of a percent of the claim. */
  restocking_basis_points: number;
}

const policies: Readonly<Record<string, Policy>> = desk.policies;
const limits: Readonly<Record<string, number>> = desk.approval_limits_cents;

/** Throws `ticket_not_found`. */
export function findTicket(ticketId: string): Ticket {
  const ticket = desk.tickets.find((ticket) => ticket.ticket_id === ticketId);
  if (ticket !== undefined) return ticket;
  throw new PermanentError(`there is no ticket \`${ticketId}\``, { errorCode: "ticket_not_found" });
}

/** Throws `reason_not_covered`. */
export function policyFor(reason: string): Policy {
  const policy = Object.hasOwn(policies, reason) ? policies[reason] : undefined;
  if (policy !== undefined) return policy;
  throw new PermanentError(`no policy covers the reason \`${reason}\``, { errorCode: "reason_not_covered" });
}

/** What a role may approve alone; nothing for a role that is not known. */
export function approvalLimitCents(role: string): number {
  return limits[role] ?? 0;
}
