/** What the figures say, in figures and in words. */

import { defineHandler, PermanentError, typed } from "@tasker-systems/tasker";
import { amount } from "../src/money.js";
import type { Report, Sales } from "./aggregate.js";
import { byName } from "./transform.js";

/** Shares and growth are in hundredths of a percent, rounded down, so that no language has to agree on decimals. */
export const GenerateInsights = defineHandler(
  "generate_insights",
  { depends: { report: typed<Report>("aggregate_sales") } },
  ({ report, context }) => {
    const { orders, revenue_cents, margin_cents } = report.total;
    if (orders === 0) throw new PermanentError("there is no order to learn from", { errorCode: "nothing_sold" });
    const currency = context.getInputOr("currency", "EUR");
    const money = (cents: number): string => amount(cents, currency);
    const basisPoints = (part: number, whole: number): number => Math.trunc((part * 10_000) / Math.max(whole, 1));

    const average_order_cents = Math.floor(revenue_cents / orders);
    const [best_category, best] = largest(report.by_category);
    const [best_month, peak] = largest(report.by_month);
    const topRevenue = report.top_customers.reduce((sum, customer) => sum + customer.revenue_cents, 0);
    const unmatched_orders_basis_points = basisPoints(report.unmatched_orders, orders);

    const headlines = [
      `${money(revenue_cents)} in ${orders} orders, ${money(average_order_cents)} each`,
      `${best_category} sells best: ${money(best.revenue_cents)}`,
      `the best month is ${best_month} with ${money(peak.revenue_cents)}`,
    ];
    if (report.shortages > 0) {
      const skus = report.worst_shortages.map(({ sku }) => sku).join(", ");
      headlines.push(`${report.shortages} products sold more than is left, above all ${skus}`);
    }
    if (unmatched_orders_basis_points > 100) {
      headlines.push(`${report.unmatched_orders} orders have no known customer: check that export`);
    }
    return {
      revenue_cents,
      average_order_cents,
      margin_basis_points: basisPoints(margin_cents, revenue_cents),
      best_category,
      best_month,
      top_customers_share_basis_points: basisPoints(topRevenue, revenue_cents),
      unmatched_orders_basis_points,
      headlines,
    };
  },
);

/** The entry with the most revenue; of equals the first by name. */
function largest(sales: Record<string, Sales>): [string, Sales] {
  const [best] = Object.entries(sales)
    .sort(byName)
    .sort(([, a], [, b]) => b.revenue_cents - a.revenue_cents);
  return best ?? ["none", { orders: 0, revenue_cents: 0, margin_cents: 0 }];
}
