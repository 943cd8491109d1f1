/** Cleaning: each export becomes a table that the aggregation can join without further checks. */

import { defineHandler, PermanentError, typed } from "@tasker-systems/tasker";
import { beside, numberIn, readRows, type Table, writeTable } from "./files.js";
import rates from "./rates.json" with { type: "json" };

/** The columns of the clean tables; money is in the currency of the report. */
export const ORDER = ["order_id", "customer_id", "sku", "quantity", "revenue_cents", "month"] as const;
export const CUSTOMER = ["customer_id", "name", "country", "segment"] as const;
export const PRODUCT = ["sku", "category", "cost_cents", "on_hand"] as const;

type RawOrder =
  | "order_id"
  | "customer_id"
  | "sku"
  | "quantity"
  | "unit_price_cents"
  | "currency"
  | "status"
  | "ordered_on";
type RawCustomer = "customer_id" | "name" | "email" | "country" | "segment";
type RawStock = "sku" | "category" | "cost_cents" | "on_hand";

/** Drops orders that were cancelled, repeated or have no quantity; converts the rest to one currency. */
export const TransformOrders = defineHandler(
  "transform_orders",
  { depends: { table: typed<Table>("extract_orders") } },
  async ({ table, context }) => {
    const currency = context.getInputOr("currency", "EUR");
    // Asked for at once, so that an unknown currency fails before any work.
    rateOf(currency);
    const dropped = { cancelled: 0, repeated: 0, without_quantity: 0 };
    const seen = new Set<string>();
    const kept: (string | number)[][] = [];
    let revenue_cents = 0;
    for (const order of await readRows<RawOrder>(table)) {
      const quantity = numberIn(order.quantity);
      if (seen.has(order.order_id)) dropped.repeated += 1;
      else if (order.status === "cancelled") dropped.cancelled += 1;
      else if (quantity === undefined) dropped.without_quantity += 1;
      else {
        const revenue = converted(Number(order.unit_price_cents) * quantity, order.currency, currency);
        revenue_cents += revenue;
        const month = order.ordered_on.slice(0, "2025-01".length);
        kept.push([order.order_id, order.customer_id, order.sku, quantity, revenue, month]);
      }
      seen.add(order.order_id);
    }
    const clean = await writeTable(beside(table, `${currency}.clean`), ORDER, kept);
    return { ...clean, dropped, currency, revenue_cents };
  },
);

/** Spells countries in one way and drops customers that cannot be written to. */
export const TransformCustomers = defineHandler(
  "transform_customers",
  { depends: { table: typed<Table>("extract_customers") } },
  async ({ table }) => {
    const by_country: Record<string, number> = {};
    const kept: string[][] = [];
    for (const { customer_id, name, email, country, segment } of await readRows<RawCustomer>(table)) {
      if (email === "") continue;
      const code = countryCode(country);
      by_country[code] = (by_country[code] ?? 0) + 1;
      kept.push([customer_id, name, code, segment]);
    }
    const clean = await writeTable(beside(table, "clean"), CUSTOMER, kept);
    return { ...clean, dropped: table.rows - kept.length, by_country };
  },
);

/** Adds up the stock of a product over the warehouses; stock that was not counted counts as none. */
export const TransformInventory = defineHandler(
  "transform_inventory",
  { depends: { table: typed<Table>("extract_inventory") } },
  async ({ table, context }) => {
    const currency = context.getInputOr("currency", "EUR");
    const products = new Map<string, { category: string; cost: number; onHand: number }>();
    let uncounted = 0;
    let on_hand = 0;
    for (const stock of await readRows<RawStock>(table)) {
      const counted = numberIn(stock.on_hand);
      if (counted === undefined) uncounted += 1;
      const cost = converted(Number(stock.cost_cents), "EUR", currency);
      const product = products.get(stock.sku) ?? { category: stock.category, cost, onHand: 0 };
      product.onHand += counted ?? 0;
      on_hand += counted ?? 0;
      products.set(stock.sku, product);
    }
    const rows = [...products].sort(byName).map(([sku, { category, cost, onHand }]) => [sku, category, cost, onHand]);
    const clean = await writeTable(beside(table, `${currency}.clean`), PRODUCT, rows);
    return { ...clean, uncounted, on_hand };
  },
);

/** For entries of a map, in the order of their names. */
export function byName<T>([a]: readonly [string, T], [b]: readonly [string, T]): number {
  return a < b ? -1 : 1;
}

/** Rounded half up to a whole cent. */
function converted(cents: number, from: string, to: string): number {
  const rate = rateOf(to);
  return Math.floor((2 * cents * rateOf(from) + rate) / (2 * rate));
}

/** The value of one unit in ten-thousandths of a euro. */
function rateOf(currency: string): number {
  const rate = Object.hasOwn(rates, currency) ? (rates as Record<string, number>)[currency] : undefined;
  if (rate !== undefined) return rate;
  throw new PermanentError(`there is no rate for \`${currency}\``, { errorCode: "unknown_currency" });
}

const COUNTRIES: Readonly<Record<string, string>> = {
  DE: "DE",
  de: "DE",
  Germany: "DE",
  FR: "FR",
  France: "FR",
  IT: "IT",
  Italy: "IT",
  PT: "PT",
};

function countryCode(spelling: string): string {
  const code = COUNTRIES[spelling];
  if (code !== undefined) return code;
  throw new PermanentError(`\`${spelling}\` is no country of the export`, { errorCode: "unknown_country" });
}
