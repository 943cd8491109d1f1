/** Giving a payment back: may it be, should it be, do it, write it down, say so. */

import { defineHandler, PermanentError, type StepContext, typed } from "@tasker-systems/tasker";
import { amount, share } from "../src/money.js";
import { reference } from "../src/reference.js";
import { type Claim, type Eligibility, eligibility, findPayment, payBack, type Refund } from "./payments.js";

function claimOf(context: StepContext): Claim {
  return context.inputData as unknown as Claim;
}

const ValidateEligibility = defineHandler("validate_refund_eligibility", {}, ({ context }) => {
  const claim = claimOf(context);
  return eligibility(findPayment(claim.payment_id), claim, context.getConfig("refund_window_days"));
});

/** Adds up what speaks against the claim; from `score_max` of the configuration on it is refused. */
const CheckFraud = defineHandler(
  "check_refund_fraud",
  { depends: { eligible: typed<Eligibility>("validate_eligibility") } },
  ({ eligible, context }) => {
    const claim = claimOf(context);
    const scoreMax = context.getConfig<number>("score_max");
    const raised = [
      { signal: "many_refunds_before", points: 40, isRaised: findPayment(claim.payment_id).refunds >= 3 },
      { signal: "large_amount", points: 25, isRaised: claim.amount_cents >= 50_000 },
      { signal: "claimed_within_a_day", points: 20, isRaised: eligible.age_days <= 1 },
      { signal: "payment_denied_by_holder", points: 30, isRaised: claim.reason === "unauthorized" },
    ].filter(({ isRaised }) => isRaised);
    const signals = raised.map(({ signal }) => signal);
    const score = Math.min(
      100,
      raised.reduce((sum, { points }) => sum + points, 0),
    );
    if (score >= scoreMax) {
      const message = `the score is ${score}, the limit ${scoreMax}: ${signals.join(", ")}`;
      throw new PermanentError(message, { errorCode: "fraud_suspected", context: { score, signals } });
    }
    return { score, signals };
  },
);

const ProcessRefund = defineHandler("process_gateway_refund", {}, ({ context }) => {
  const claim = claimOf(context);
  return payBack(findPayment(claim.payment_id), claim, context.retryCount);
});

/** Double entry: what is debited equals what is credited. The gateway keeps a fee, which is ours to bear. */
const RecordInLedger = defineHandler(
  "record_refund_in_ledger",
  { depends: { refund: typed<Refund>("process_refund") } },
  ({ refund, context }) => {
    const feeCents = share(refund.amount_cents, context.getConfig("fee_basis_points"));
    const line = (account: string, debit_cents: number, credit_cents: number) => ({
      account,
      debit_cents,
      credit_cents,
    });
    return {
      entry_id: reference("led", refund.refund_id),
      currency: refund.currency,
      lines: [
        line("refunds", refund.amount_cents, 0),
        line("gateway_fees", feeCents, 0),
        line("gateway_balance", 0, refund.amount_cents + feeCents),
      ],
    };
  },
);

const NotifyCustomer = defineHandler(
  "notify_refunded_customer",
  { depends: { refund: typed<Refund>("process_refund"), eligible: typed<Eligibility>("validate_eligibility") } },
  ({ refund, eligible }) => {
    const payment = findPayment(refund.payment_id);
    const sum = amount(refund.amount_cents, refund.currency);
    const what = eligible.full_refund ? "in full" : "in part";
    return {
      message_id: reference("msg", payment.email, refund.refund_id),
      to: payment.email,
      subject: `${sum} are on their way back to you`,
      body:
        `Dear ${payment.customer},\n\nwe have refunded your payment ${payment.payment_id} ${what}: ${sum}, ` +
        `to your ${refund.card}.\nYour bank may need up to five days.\n`,
    };
  },
);

export const handlers = [ValidateEligibility, CheckFraud, ProcessRefund, RecordInLedger, NotifyCustomer];
