/** A purchase: is there money for it, who has to agree, then the order, and word to whoever asked for it. */

import { defineHandler, PermanentError, RetryableError, type StepContext, typed } from "@tasker-systems/tasker";
import { amount } from "../src/money.js";
import { reference } from "../src/reference.js";
import costCenters from "./cost_centers.json" with { type: "json" };

const CURRENCY = "EUR";

interface Person {
  name: string;
  email: string;
}

interface Purchase {
  requester: Person;
  item: string;
  supplier?: string;
  amount_cents: number;
  cost_center: string;
}

interface CostCenter {
  remaining_cents: number;
  /** From this amount on somebody has to agree. */
  approval_from_cents: number;
  /** For how many tries the ledger does not answer. */
  ledger_closed_tries?: number;
  manager: Person;
  deputy: Person;
}

/** What somebody decided: the result of a step that waited for it. */
interface Decision {
  payload: { approved: boolean; note?: string };
  /** Who sent it; left out if that is not known. */
  by?: string;
}

interface Order {
  order_id: string;
  supplier: string;
  amount_cents: number;
  approved_by: string | null;
}

const decisions = {
  manager: typed<Decision | undefined>("manager_decision"),
  deputy: typed<Decision | undefined>("deputy_decision"),
};

function purchaseOf(context: StepContext): Purchase {
  return context.inputData as unknown as Purchase;
}

function costCenter(name: string): CostCenter {
  const center = Object.hasOwn(costCenters, name) ? (costCenters as Record<string, CostCenter>)[name] : undefined;
  if (center !== undefined) return center;
  throw new PermanentError(`there is no cost center \`${name}\``, { errorCode: "cost_center_unknown" });
}

const CheckBudget = defineHandler("check_budget", {}, ({ context }) => {
  const { amount_cents, cost_center } = purchaseOf(context);
  const center = costCenter(cost_center);
  if (context.retryCount < (center.ledger_closed_tries ?? 0)) {
    throw new RetryableError(`the ledger of \`${cost_center}\` is being closed`, { errorCode: "ledger_closed" });
  }
  const left_cents = center.remaining_cents - amount_cents;
  if (left_cents < 0) {
    const message = `\`${cost_center}\` has ${amount(center.remaining_cents, CURRENCY)} left`;
    throw new PermanentError(message, { errorCode: "over_budget", context: { missing_cents: -left_cents } });
  }
  return { left_cents, needs_approval: amount_cents >= center.approval_from_cents };
});

/** Writes to whom the configuration names: the manager or the deputy. */
const AskApprover = defineHandler("ask_approver", {}, ({ context }) => {
  const { requester, item, amount_cents, cost_center } = purchaseOf(context);
  const who = context.getConfig<"manager" | "deputy">("who");
  const approver = costCenter(cost_center)[who];
  const sum = amount(amount_cents, CURRENCY);
  return {
    message_id: reference("msg", approver.email, requester.email, item),
    to: approver.email,
    subject: `May ${requester.name} buy ${item} for ${sum}?`,
    body: `Dear ${approver.name},\n\n${requester.name} asks for ${item} at ${sum}, to be paid by \`${cost_center}\`.\nAnswer with the signal \`${who}_decided\`.\n`,
  };
});

const PlaceOrder = defineHandler("place_order", { depends: decisions }, ({ manager, deputy, context }): Order => {
  const { requester, item, supplier = "house supplier", amount_cents, cost_center } = purchaseOf(context);
  if (supplier === "gone") {
    throw new PermanentError("the supplier does not trade any more", { errorCode: "supplier_gone" });
  }
  if (supplier === "busy" && !context.isRetry()) {
    throw new RetryableError("the supplier's shop does not answer", { errorCode: "supplier_busy" });
  }
  const order_id = reference("po", requester.email, item, String(amount_cents), cost_center);
  return { order_id, supplier, amount_cents, approved_by: (manager ?? deputy)?.by ?? null };
});

const TellRequester = defineHandler(
  "tell_requester",
  { depends: { ...decisions, order: typed<Order | undefined>("place_order") } },
  ({ manager, deputy, order, context }) => {
    const { requester, item } = purchaseOf(context);
    const decision = manager ?? deputy;
    const [outcome, text] = outcomeOf(item, order, context.ending?.error?.code, decision);
    const note = decision?.payload.note;
    return {
      message_id: reference("msg", requester.email, item, outcome),
      to: requester.email,
      outcome,
      body: `Dear ${requester.name},\n\n${text}\n${note === undefined ? "" : `"${note}"\n`}`,
    };
  },
);

/** What came of it, and how that is told. */
function outcomeOf(item: string, order?: Order, code?: string, decision?: Decision): [string, string] {
  if (order !== undefined) return ["ordered", `${item} is ordered (${order.order_id}).`];
  if (code === "wait_timed_out") return ["unanswered", `nobody has decided in time on ${item}. Please ask again.`];
  if (code !== undefined) return ["failed", `${item} could not be ordered (${code}).`];
  return ["declined", `${decision?.by ?? "somebody"} has not approved ${item}.`];
}

export const handlers = [CheckBudget, AskApprover, PlaceOrder, TellRequester];
