/**
 * The shop's three exports, made up: the same seed and number of rows always give the same bytes.
 *
 * The files are as untidy as exports are: orders that were cancelled, written twice or have no quantity, customers whose
 * country is spelled in three ways, stock that was never counted.
 */

import { Random } from "./random.js";

export type Source = "orders" | "customers" | "inventory";

/** The order of these is that of the streams of numbers. */
const SOURCES: readonly Source[] = ["orders", "customers", "inventory"];

export const COLUMNS: Readonly<Record<Source, readonly string[]>> = {
  orders: ["order_id", "customer_id", "sku", "quantity", "unit_price_cents", "currency", "status", "ordered_on"],
  customers: ["customer_id", "name", "email", "country", "segment"],
  inventory: ["sku", "category", "warehouse", "cost_cents", "on_hand"],
};

/** Customers and products that orders refer to, so that the three files fit together. */
const CUSTOMERS = 10_000;
const PRODUCTS = 2_500;
const WAREHOUSES = ["berlin", "lyon", "porto", "turin"];
const CATEGORIES = ["tea", "coffee", "ceramics", "kettles", "sweets"];
const FIRST_NAMES = ["Ada", "Bruno", "Chiara", "Dilan", "Edith", "Farid", "Greta", "Hugo"];
const LAST_NAMES = ["Almeida", "Berger", "Costa", "Dubois", "Eriksen", "Fischer", "Gallo", "Horvat"];

/** The name of the file. Only the orders depend on a number of rows. */
export function fileName(source: Source, orderRows: number, seed: number): string {
  return source === "orders" ? `orders-${orderRows}-${seed}.csv` : `${source}-${seed}.csv`;
}

/** The rows of an export. */
export function rowsOf(source: Source, orderRows: number, seed: number): Iterable<(string | number)[]> {
  // Each file has numbers of its own, so that any of them can be made without the others.
  const random = new Random(seed, SOURCES.indexOf(source));
  if (source === "orders") return orders(orderRows, random);
  return source === "customers" ? customers(random) : inventory(random);
}

function* orders(orderRows: number, random: Random): Iterable<(string | number)[]> {
  let number = 0;
  for (let row = 0; row < orderRows; row += 1) {
    // About one row in a hundred repeats the order before it.
    if (row === 0 || !random.oneIn(100)) number += 1;
    // Low numbers come more often, as good customers and good products do.
    const customer = Math.min(random.below(CUSTOMERS), random.below(CUSTOMERS + CUSTOMERS / 50));
    const product = Math.min(random.below(PRODUCTS), random.below(PRODUCTS));
    const quantity = random.oneIn(50) ? "" : 1 + random.below(6);
    const currency = random.oneOf(["EUR", "EUR", "EUR", "USD", "GBP"]);
    const status = random.oneOf(["paid", "paid", "paid", "shipped", "shipped", "shipped", "shipped", "cancelled"]);
    const price = 250 + random.below(9_750);
    const month = padded(1 + Math.floor((row * 12) / orderRows), 2);
    const date = `2025-${month}-${padded(1 + random.below(28), 2)}`;
    yield [`O${padded(number, 7)}`, customerId(customer), sku(product), quantity, price, currency, status, date];
  }
}

function* customers(random: Random): Iterable<string[]> {
  for (let customer = 0; customer < CUSTOMERS; customer += 1) {
    const first = random.oneOf(FIRST_NAMES);
    const last = random.oneOf(LAST_NAMES);
    const email = random.oneIn(40) ? "" : `${first}.${last}.${customer}@Example.org`;
    const country = random.oneOf(["DE", "de", "Germany", "FR", "France", "PT", "IT", "Italy"]);
    const segment = random.oneOf(["consumer", "consumer", "consumer", "business", "reseller"]);
    yield [customerId(customer), `${first} ${last}`, email, country, segment];
  }
}

function* inventory(random: Random): Iterable<(string | number)[]> {
  for (let product = 0; product < PRODUCTS; product += 1) {
    const category = random.oneOf(CATEGORIES);
    const cost = 100 + random.below(3_900);
    for (const warehouse of WAREHOUSES) {
      const onHand = random.oneIn(30) ? "" : random.below(25);
      yield [sku(product), category, warehouse, cost, onHand];
    }
  }
}

function customerId(number: number): string {
  return `C${padded(number, 5)}`;
}

function sku(number: number): string {
  return `P${padded(number, 4)}`;
}

function padded(number: number, digits: number): string {
  return String(number).padStart(digits, "0");
}
