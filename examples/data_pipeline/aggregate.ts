/** Bringing the cleaned tables together. */

import { defineHandler, PermanentError, typed } from "@tasker-systems/tasker";
import { readRows, type Table } from "./files.js";
import { byName, type CUSTOMER, type ORDER, type PRODUCT } from "./transform.js";

/** Money in and the goods it paid for. */
export interface Sales {
  orders: number;
  revenue_cents: number;
  /** Revenue less the cost of the goods; below zero where they were sold under cost. */
  margin_cents: number;
}

export interface Report {
  total: Sales;
  by_category: Record<string, Sales>;
  by_segment: Record<string, Sales>;
  by_month: Record<string, Sales>;
  /** Orders of customers that are not (or no longer) among the customers. */
  unmatched_orders: number;
  active_customers: number;
  top_customers: { customer_id: string; name: string; revenue_cents: number }[];
  shortages: number;
  /** Products of which more was sold than is left. */
  worst_shortages: { sku: string; sold: number; on_hand: number }[];
}

type Order = Record<(typeof ORDER)[number], string>;
type Customer = Record<(typeof CUSTOMER)[number], string>;
type Product = Record<(typeof PRODUCT)[number], string>;

/** Joins orders with customers and products; orders without a known customer count in all but the segments. */
export const AggregateSales = defineHandler(
  "aggregate_sales",
  {
    depends: {
      orders: typed<Table>("transform_orders"),
      customers: typed<Table>("transform_customers"),
      inventory: typed<Table>("transform_inventory"),
    },
  },
  async ({ orders, customers, inventory, context }): Promise<Report> => {
    const byId = new Map(
      (await readRows<keyof Customer>(customers)).map((customer) => [customer.customer_id, customer]),
    );
    const bySku = new Map((await readRows<keyof Product>(inventory)).map((product) => [product.sku, product]));
    const sums = new Sums();
    for (const order of await readRows<keyof Order>(orders)) {
      const product = bySku.get(order.sku);
      if (product === undefined) {
        const message = `order ${order.order_id} is for \`${order.sku}\`, which the inventory does not have`;
        throw new PermanentError(message, { errorCode: "unknown_product" });
      }
      sums.add(order, byId.get(order.customer_id), product);
    }
    return sums.report(byId, bySku, context.getConfigOr("top", 5));
  },
);

/** What is added up while the orders pass by. */
class Sums {
  private readonly total: Sales = { orders: 0, revenue_cents: 0, margin_cents: 0 };
  private readonly byCategory: Record<string, Sales> = {};
  private readonly bySegment: Record<string, Sales> = {};
  private readonly byMonth: Record<string, Sales> = {};
  private readonly revenueByCustomer = new Map<string, number>();
  private readonly soldBySku = new Map<string, number>();
  private unmatchedOrders = 0;

  add(order: Order, customer: Customer | undefined, product: Product): void {
    const quantity = Number(order.quantity);
    const revenue = Number(order.revenue_cents);
    const places = [this.total, salesOf(this.byCategory, product.category), salesOf(this.byMonth, order.month)];
    if (customer === undefined) this.unmatchedOrders += 1;
    else {
      places.push(salesOf(this.bySegment, customer.segment));
      increase(this.revenueByCustomer, customer.customer_id, revenue);
    }
    for (const place of places) {
      place.orders += 1;
      place.revenue_cents += revenue;
      place.margin_cents += revenue - Number(product.cost_cents) * quantity;
    }
    increase(this.soldBySku, order.sku, quantity);
  }

  report(customers: Map<string, Customer>, products: Map<string, Product>, top: number): Report {
    // Sorted by name first, and the sorts after it are stable: equals are always in the same order.
    const ranked = [...this.revenueByCustomer].sort(byName).sort(([, a], [, b]) => b - a);
    const top_customers = ranked.slice(0, top).map(([customer_id, revenue_cents]) => {
      return { customer_id, name: customers.get(customer_id)?.name ?? "", revenue_cents };
    });
    const shortages = [...this.soldBySku]
      .sort(byName)
      .map(([sku, sold]) => ({ sku, sold, on_hand: Number(products.get(sku)?.on_hand) }))
      .filter(({ sold, on_hand }) => sold > on_hand)
      .sort((a, b) => b.sold - b.on_hand - (a.sold - a.on_hand));
    return {
      total: this.total,
      by_category: this.byCategory,
      by_segment: this.bySegment,
      by_month: this.byMonth,
      unmatched_orders: this.unmatchedOrders,
      active_customers: this.revenueByCustomer.size,
      top_customers,
      shortages: shortages.length,
      worst_shortages: shortages.slice(0, top),
    };
  }
}

function salesOf(sales: Record<string, Sales>, key: string): Sales {
  sales[key] ??= { orders: 0, revenue_cents: 0, margin_cents: 0 };
  return sales[key];
}

function increase(sums: Map<string, number>, key: string, by: number): void {
  sums.set(key, (sums.get(key) ?? 0) + by);
}
