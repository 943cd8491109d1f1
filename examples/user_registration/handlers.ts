/** A registration: one account, then billing and preferences side by side, then a welcome. */

import { defineHandler, PermanentError, RetryableError, typed } from "@tasker-systems/tasker";
import { z } from "zod";
import { amount } from "../src/money.js";
import { reference } from "../src/reference.js";
import { addressOf, billingOutage, countryOf, isBlocked, isTaken, planOf, usernameFor } from "./directory.js";
import { welcome } from "./welcome.js";

/** The input, checked by a schema of the application's own. */
const Registration = z.object({
  email: z.string(),
  full_name: z.string(),
  plan: z.string(),
  country: z.string(),
  company: z.string().optional(),
  preferences: z.object({ language: z.string().optional(), newsletter: z.boolean().optional() }).default({}),
});

interface Account {
  account_id: string;
  username: string;
  email: string;
  email_domain: string;
}

interface Billing {
  /** Null where nothing has to be paid. */
  billing_id: string | null;
  plan: string;
  monthly_cents: number;
  currency: string;
  trial_days: number;
  seats: number;
}

interface Preferences {
  language: string;
  time_zone: string;
  newsletter: boolean;
}

const account = typed<Account>("create_account");
const billing = typed<Billing>("set_up_billing");
const preferences = typed<Preferences>("set_up_preferences");

/** Refuses addresses that are blocked or taken, in whatever spelling. */
const CreateAccount = defineHandler("create_account", { inputs: Registration }, ({ input }): Account => {
  const { email, identity, domain } = addressOf(input.email);
  if (isBlocked(domain)) {
    throw new PermanentError(`addresses at \`${domain}\` are not accepted`, { errorCode: "email_domain_blocked" });
  }
  if (isTaken(identity)) {
    throw new PermanentError(`\`${email}\` has an account already`, { errorCode: "email_taken" });
  }
  return {
    account_id: reference("acc", identity),
    username: usernameFor(input.full_name),
    email,
    email_domain: domain,
  };
});

/** Opens an account at the billing provider, unless the plan is free. */
const SetUpBilling = defineHandler(
  "set_up_billing",
  { depends: { account }, inputs: Registration },
  ({ account, input, context }): Billing => {
    const { currency } = countryOf(input.country);
    const { monthly_cents, trial_days, seats, needs_company } = planOf(input.plan);
    if (needs_company && input.company === undefined) {
      throw new PermanentError(`the plan \`${input.plan}\` is for companies`, { errorCode: "company_required" });
    }
    const isFree = monthly_cents === 0;
    if (!isFree && context.retryCount < billingOutage(account.email_domain)) {
      throw new RetryableError("the billing provider did not answer", { errorCode: "billing_unavailable" });
    }
    const billing_id = isFree ? null : reference("bil", account.account_id, input.plan);
    return { billing_id, plan: input.plan, monthly_cents, currency, trial_days, seats };
  },
);

/** What was asked for, and otherwise what is usual in the country. Where advertising needs a yes, silence is a no. */
const SetUpPreferences = defineHandler("set_up_preferences", { inputs: Registration }, ({ input }): Preferences => {
  const country = countryOf(input.country);
  const { language = country.language, newsletter = !country.opt_in } = input.preferences;
  return { language, time_zone: country.time_zone, newsletter };
});

const SendWelcome = defineHandler(
  "send_welcome",
  { depends: { account, billing, preferences }, inputs: Registration },
  ({ account, billing, preferences, input }) => ({
    message_id: reference("msg", account.email, "welcome"),
    to: account.email,
    language: preferences.language,
    ...welcome(preferences.language, {
      name: input.full_name,
      username: account.username,
      price: amount(billing.monthly_cents, billing.currency),
      trialDays: billing.trial_days,
    }),
  }),
);

/** The account as the rest of the company sees it. */
const ActivateAccount = defineHandler(
  "activate_account",
  { depends: { account, billing, preferences } },
  ({ account, billing, preferences }) => ({
    account_id: account.account_id,
    username: account.username,
    status: billing.trial_days > 0 ? "trial" : "active",
    seats: billing.seats,
    mail_topics: preferences.newsletter ? ["account", "newsletter"] : ["account"],
  }),
);

export const handlers = [CreateAccount, SetUpBilling, SetUpPreferences, SendWelcome, ActivateAccount];
