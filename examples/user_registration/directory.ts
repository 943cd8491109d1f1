/** Who is registered already, what can be bought, and what is usual where. */

import { PermanentError } from "@tasker-systems/tasker";
import data from "./directory.json" with { type: "json" };

export interface Plan {
  monthly_cents: number;
  trial_days: number;
  seats: number;
  needs_company?: boolean;
}

export interface Country {
  language: string;
  time_zone: string;
  currency: string;
  /** Whether advertising needs a yes. */
  opt_in: boolean;
}

interface Directory {
  accounts: { identity: string; username: string }[];
  blocked_domains: string[];
  /** Mail domains that ignore dots, with the name that their addresses are kept under. */
  dot_blind_domains: Record<string, string>;
  plans: Record<string, Plan>;
  countries: Record<string, Country>;
  /** By mail domain: how many tries the billing provider's sandbox leaves unanswered. */
  billing_outages: Record<string, number>;
}

const directory: Directory = data;

/** A mail address, taken apart. */
export interface Address {
  /** As mail is sent to it. */
  email: string;
  /** The same for every spelling that reaches the same mailbox. */
  identity: string;
  domain: string;
}

/**
 * Normalises a mail address: no white space around it, lower case; for its identity also without the part from `+` on, and
 * without dots where the domain ignores them. Throws `email_invalid`.
 */
export function addressOf(text: string): Address {
  const email = text.trim().toLowerCase();
  const at = email.indexOf("@");
  const [local, domain] = [email.slice(0, at), email.slice(at + 1)];
  if (at < 1 || domain === "") {
    throw new PermanentError(`\`${text}\` is no mail address`, { errorCode: "email_invalid" });
  }
  const mailbox = local.split("+", 1)[0] ?? local;
  const keptAs = directory.dot_blind_domains[domain];
  const identity = keptAs === undefined ? `${mailbox}@${domain}` : `${mailbox.replaceAll(".", "")}@${keptAs}`;
  return { email, identity, domain };
}

export function isBlocked(domain: string): boolean {
  return directory.blocked_domains.includes(domain);
}

export function isTaken(identity: string): boolean {
  return directory.accounts.some((account) => account.identity === identity);
}

/** A free name made of a person's: `ada.lovelace`, or `ada.lovelace.2` where that is taken. */
export function usernameFor(fullName: string): string {
  const words = fullName.toLowerCase().split(/[^\p{Alphabetic}\p{N}]+/u);
  const base = words.filter((word) => word !== "").join(".");
  const taken = new Set(directory.accounts.map((account) => account.username));
  let name = base;
  for (let number = 2; taken.has(name); number += 1) name = `${base}.${number}`;
  return name;
}

/** Throws `country_not_served`. */
export function countryOf(code: string): Country {
  const country = directory.countries[code];
  if (country !== undefined) return country;
  throw new PermanentError(`there is no service in \`${code}\``, { errorCode: "country_not_served" });
}

/** Throws `unknown_plan`. */
export function planOf(name: string): Plan {
  const plan = directory.plans[name];
  if (plan !== undefined) return plan;
  throw new PermanentError(`there is no plan \`${name}\``, { errorCode: "unknown_plan" });
}

/** How many tries the billing provider leaves unanswered for accounts of this mail domain. */
export function billingOutage(domain: string): number {
  return directory.billing_outages[domain] ?? 0;
}
