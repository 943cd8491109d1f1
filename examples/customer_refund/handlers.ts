/** A refund as customer service sees it: a ticket, a policy, an approval, and the payments team's code for the money. */

import { defineHandler, PermanentError, type StepContext, typed } from "@tasker-systems/tasker";
import { type Claim, eligibility, findPayment, payBack, type Refund } from "../payment_refund/payments.js";
import { amount, share } from "../src/money.js";
import { reference } from "../src/reference.js";
import { approvalLimitCents, findTicket, policyFor } from "./desk.js";

interface Person {
  name: string;
  role: string;
}

interface Request extends Claim {
  ticket_id: string;
  agent: Person;
  approved_by?: Person;
}

/** The ticket and the payment that a request is about. */
interface Case {
  ticket_id: string;
  customer: string;
  email: string;
  tier: string;
  currency: string;
}

/** What the policy grants. */
interface Grant {
  window_days: number;
  restocking_fee_cents: number;
  amount_cents: number;
}

interface Approval {
  approval_id: string;
  approved_by: string;
  role: string;
  /** Whether the agent could decide alone. */
  automatic: boolean;
}

function requestOf(context: StepContext): Request {
  return context.inputData as unknown as Request;
}

/** The ticket must be open and about this payment. */
const ValidateRequest = defineHandler("validate_refund_request", {}, ({ context }): Case => {
  const request = requestOf(context);
  const { ticket_id, customer, email, tier, payment_id, status } = findTicket(request.ticket_id);
  if (status === "closed") {
    throw new PermanentError(`\`${ticket_id}\` is closed: reopen it first`, { errorCode: "ticket_closed" });
  }
  if (payment_id !== request.payment_id) {
    const message = `\`${ticket_id}\` is about the payment \`${payment_id}\``;
    throw new PermanentError(message, { errorCode: "payment_mismatch" });
  }
  return { ticket_id, customer, email, tier, currency: findPayment(payment_id).currency };
});

/** How long and how much the policy for this reason gives to a customer of this tier. */
const CheckPolicy = defineHandler(
  "check_refund_policy",
  { depends: { theCase: typed<Case>("validate_request") } },
  ({ theCase, context }): Grant => {
    const request = requestOf(context);
    const policy = policyFor(request.reason);
    const window_days = policy.window_days[theCase.tier] ?? 0;
    // The payment has the last word on its amount and its age; asking it here spares an approval that is worth nothing.
    eligibility(findPayment(request.payment_id), request, window_days);
    const restocking_fee_cents = share(request.amount_cents, policy.restocking_basis_points);
    return { window_days, restocking_fee_cents, amount_cents: request.amount_cents - restocking_fee_cents };
  },
);

/** Up to the agent's own limit the refund is approved at once; over it somebody with a higher one must have signed. */
const ApproveRefund = defineHandler(
  "approve_refund",
  { depends: { grant: typed<Grant>("check_policy") } },
  ({ grant: { amount_cents }, context }): Approval => {
    const { agent, approved_by, ticket_id } = requestOf(context);
    const signer = [agent, approved_by].find((person) => person && approvalLimitCents(person.role) >= amount_cents);
    if (signer === undefined) {
      const message = `${amount_cents} cents need somebody whose limit is higher`;
      throw new PermanentError(message, { errorCode: "approval_required", context: { amount_cents } });
    }
    const approval_id = reference("apr", ticket_id, signer.name, String(amount_cents));
    return { approval_id, approved_by: signer.name, role: signer.role, automatic: signer === agent };
  },
);

/** Pays what was granted, with the code of the payments team. */
const ExecuteRefund = defineHandler(
  "execute_refund",
  { depends: { grant: typed<Grant>("check_policy") } },
  ({ grant: { amount_cents }, context }): Refund => {
    const request = requestOf(context);
    return payBack(findPayment(request.payment_id), { ...request, amount_cents }, context.retryCount);
  },
);

const refunded = { grant: typed<Grant>("check_policy"), refund: typed<Refund>("execute_refund") };

/** Closes the ticket with a note for whoever reads it next. */
const UpdateTicket = defineHandler(
  "update_ticket",
  { depends: { ...refunded, approval: typed<Approval>("approve_refund") } },
  ({ grant, refund, approval, context }) => {
    const { ticket_id, reason } = requestOf(context);
    const sum = amount(refund.amount_cents, refund.currency);
    const by = `${approval.approved_by} (${approval.role})`;
    let note = `Refunded ${sum} (${reason}) to ${refund.card}, approved by ${by}.`;
    if (grant.restocking_fee_cents > 0) {
      note += ` Kept ${amount(grant.restocking_fee_cents, refund.currency)} for restocking.`;
    }
    return { ticket_id, status: "closed", note, refund_id: refund.refund_id };
  },
);

const NotifyRequester = defineHandler(
  "notify_requester",
  { depends: { ...refunded, theCase: typed<Case>("validate_request") } },
  ({ grant, refund, theCase }) => {
    const sum = amount(refund.amount_cents, refund.currency);
    let body = `Dear ${theCase.customer},\n\n${sum} are on their way to your ${refund.card}.\n`;
    if (grant.restocking_fee_cents > 0) {
      body += `We kept ${amount(grant.restocking_fee_cents, refund.currency)} for restocking.\n`;
    }
    body += `\nYour ticket ${theCase.ticket_id} is closed; answer this mail to open it again.\n`;
    const message_id = reference("msg", theCase.email, theCase.ticket_id);
    return { message_id, to: theCase.email, subject: `Your refund of ${sum}`, body };
  },
);

export const handlers = [ValidateRequest, CheckPolicy, ApproveRefund, ExecuteRefund, UpdateTicket, NotifyRequester];
