//! What the figures say, in figures and in words.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tasker_worker::{StepContext, StepError};

use super::aggregate::{Report, Sales};
use crate::money::amount;

/// Shares and growth are in hundredths of a percent, rounded down, so that no language has to agree on decimals.
pub async fn generate(context: StepContext) -> Result<Value, StepError> {
    let report: Report = context.dependency_as("aggregate_sales")?;
    let currency: String = context.input_or("currency", "EUR".to_owned())?;
    if report.total.orders == 0 {
        return Err(StepError::permanent("nothing_sold", "there is no order to learn from"));
    }
    let money = |cents: u64| amount(cents, &currency);

    let total = report.total.revenue_cents;
    let average_order_cents = total / report.total.orders;
    let (best_category, best) = largest(&report.by_category);
    let (best_month, peak) = largest(&report.by_month);
    let margin_bp = report.total.margin_cents * 10_000 / total.max(1).cast_signed();
    let top_revenue: u64 = report.top_customers.iter().map(|customer| customer.revenue_cents).sum();
    let top_share_bp = top_revenue * 10_000 / total.max(1);
    let unmatched_bp = report.unmatched_orders * 10_000 / report.total.orders;

    let mut headlines = vec![
        format!("{} in {} orders, {} each", money(total), report.total.orders, money(average_order_cents)),
        format!("{best_category} sells best: {}", money(best.revenue_cents)),
        format!("the best month is {best_month} with {}", money(peak.revenue_cents)),
    ];
    if report.shortages > 0 {
        let skus: Vec<&str> = report.worst_shortages.iter().map(|shortage| shortage.sku.as_str()).collect();
        headlines.push(format!("{} products sold more than is left, above all {}", report.shortages, skus.join(", ")));
    }
    if unmatched_bp > 100 {
        headlines.push(format!("{} orders have no known customer: check that export", report.unmatched_orders));
    }
    Ok(json!({
        "revenue_cents": total,
        "average_order_cents": average_order_cents,
        "margin_basis_points": margin_bp,
        "best_category": best_category,
        "best_month": best_month,
        "top_customers_share_basis_points": top_share_bp,
        "unmatched_orders_basis_points": unmatched_bp,
        "headlines": headlines,
    }))
}

/// The entry with the most revenue; of equals the first by name.
fn largest(sales: &BTreeMap<String, Sales>) -> (&str, Sales) {
    let best = sales.iter().rev().max_by_key(|(_, sales)| sales.revenue_cents);
    best.map_or(("none", Sales::default()), |(name, sales)| (name, *sales))
}
