/** The shop's catalogue: products with their stock, tax rates, postage and promotions. */

import { PermanentError } from "@tasker-systems/tasker";
import data from "./catalogue.json" with { type: "json" };

export interface Product {
  sku: string;
  name: string;
  tax_class: string;
  /** Without tax. */
  unit_price_cents: number;
  weight_grams: number;
  max_per_order: number;
  discontinued?: boolean;
  /** Pieces by warehouse. */
  stock: Record<string, number>;
}

interface Postage {
  base_cents: number;
  /** For each kilogram begun. */
  per_kg_cents: number;
  /** Goods from this price on are sent for nothing. */
  free_from_cents?: number;
}

interface Promotion {
  basis_points: number;
  min_subtotal_cents: number;
}

interface Catalogue {
  /** ISO 4217 code of every price. */
  currency: string;
  products: Product[];
  /** By country: the warehouses that deliver there, the nearest first. */
  warehouses: Record<string, string[]>;
  /** By country and class, in hundredths of a percent. */
  tax_basis_points: Record<string, Record<string, number>>;
  shipping: Record<string, Postage>;
  promotions: Record<string, Promotion>;
}

const catalogue: Catalogue = data;

export const currency = catalogue.currency;

/** The product that a customer may buy. Throws `unknown_sku`, `product_discontinued`. */
export function productOnSale(sku: string): Product {
  const product = catalogue.products.find((product) => product.sku === sku);
  if (product === undefined) {
    throw new PermanentError(`the catalogue has no product \`${sku}\``, { errorCode: "unknown_sku" });
  }
  if (product.discontinued) {
    throw new PermanentError(`\`${product.name}\` is no longer sold`, { errorCode: "product_discontinued" });
  }
  return product;
}

/** Tax of a class of goods in a country, in hundredths of a percent. Throws `country_not_served`. */
export function taxRate(country: string, taxClass: string): number {
  return catalogue.tax_basis_points[country]?.[taxClass] ?? notServed(country);
}

/** The warehouses that deliver to a country, the nearest first. Throws `country_not_served`. */
export function warehousesFor(country: string): readonly string[] {
  return catalogue.warehouses[country] ?? notServed(country);
}

/** What a code takes off a price, in hundredths of a percent. Throws `unknown_promotion`. */
export function discountRate(code: string | undefined, subtotalCents: number): number {
  if (code === undefined) return 0;
  const promotion = Object.hasOwn(catalogue.promotions, code) ? catalogue.promotions[code] : undefined;
  if (promotion === undefined) {
    throw new PermanentError(`there is no promotion \`${code}\``, { errorCode: "unknown_promotion" });
  }
  return subtotalCents >= promotion.min_subtotal_cents ? promotion.basis_points : 0;
}

/** Throws `unknown_delivery`. */
export function postage(method: string, weightGrams: number, goodsCents: number): number {
  const postage = catalogue.shipping[method];
  if (postage === undefined) {
    throw new PermanentError(`there is no delivery by \`${method}\``, { errorCode: "unknown_delivery" });
  }
  if (goodsCents >= (postage.free_from_cents ?? Number.POSITIVE_INFINITY)) return 0;
  return postage.base_cents + postage.per_kg_cents * Math.ceil(weightGrams / 1_000);
}

function notServed(country: string): never {
  throw new PermanentError(`nothing is delivered to \`${country}\``, { errorCode: "country_not_served" });
}
