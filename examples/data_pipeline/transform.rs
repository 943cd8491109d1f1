//! Cleaning: each export becomes a table that the aggregation can join without further checks.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{StepContext, StepError};

use super::files::{Table, apart};

/// An order that counts, priced in the currency of the report.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub order_id: String,
    pub customer_id: String,
    pub sku: String,
    pub quantity: u64,
    pub revenue_cents: u64,
    /// `2025-01`.
    pub month: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Customer {
    pub customer_id: String,
    pub name: String,
    pub country: String,
    pub segment: String,
}

/// A product with its stock in all warehouses; the cost is in the currency of the report.
#[derive(Debug, Serialize, Deserialize)]
pub struct Product {
    pub sku: String,
    pub category: String,
    pub cost_cents: u64,
    pub on_hand: u64,
}

#[derive(Debug, Deserialize)]
struct RawOrder {
    order_id: String,
    customer_id: String,
    sku: String,
    quantity: Option<u64>,
    unit_price_cents: u64,
    currency: String,
    status: String,
    ordered_on: String,
}

#[derive(Debug, Deserialize)]
struct RawCustomer {
    customer_id: String,
    name: String,
    email: String,
    country: String,
    segment: String,
}

#[derive(Debug, Deserialize)]
struct RawStock {
    sku: String,
    category: String,
    cost_cents: u64,
    on_hand: Option<u64>,
}

/// Drops orders that were cancelled, repeated or have no quantity; converts the rest to one currency.
pub async fn orders(context: StepContext) -> Result<Value, StepError> {
    let table: Table = context.dependency_as("extract_orders")?;
    let currency: String = context.input_or("currency", "EUR".to_owned())?;
    let rates = Rates::load()?;
    // Asked for at once, so that an unknown currency fails before any work.
    rates.convert(0, &currency, &currency)?;
    apart(move || {
        let (mut cancelled, mut repeated, mut without_quantity) = (0, 0, 0);
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        for order in table.read::<RawOrder>()? {
            let order = order?;
            if !seen.insert(order.order_id.clone()) {
                repeated += 1;
            } else if order.status == "cancelled" {
                cancelled += 1;
            } else if let Some(quantity) = order.quantity {
                let revenue_cents = rates.convert(order.unit_price_cents * quantity, &order.currency, &currency)?;
                let RawOrder { order_id, customer_id, sku, mut ordered_on, .. } = order;
                ordered_on.truncate("2025-01".len());
                kept.push(Order { order_id, customer_id, sku, quantity, revenue_cents, month: ordered_on });
            } else {
                without_quantity += 1;
            }
        }
        let revenue_cents: u64 = kept.iter().map(|order| order.revenue_cents).sum();
        let table = Table::write(table.beside(&format!("{currency}.clean")), &kept)?;
        Ok(json!({
            "path": table.path,
            "rows": table.rows,
            "dropped": {"cancelled": cancelled, "repeated": repeated, "without_quantity": without_quantity},
            "currency": currency,
            "revenue_cents": revenue_cents,
        }))
    })
    .await
}

/// Spells countries in one way and drops customers that cannot be written to.
pub async fn customers(context: StepContext) -> Result<Value, StepError> {
    let table: Table = context.dependency_as("extract_customers")?;
    apart(move || {
        let mut by_country: BTreeMap<String, u64> = BTreeMap::new();
        let mut kept = Vec::new();
        for customer in table.read::<RawCustomer>()? {
            let RawCustomer { customer_id, name, email, country, segment } = customer?;
            if email.is_empty() {
                continue;
            }
            let country = country_code(&country)?.to_owned();
            *by_country.entry(country.clone()).or_default() += 1;
            kept.push(Customer { customer_id, name, country, segment });
        }
        let dropped = table.rows - kept.len() as u64;
        let table = Table::write(table.beside("clean"), &kept)?;
        Ok(json!({"path": table.path, "rows": table.rows, "dropped": dropped, "by_country": by_country}))
    })
    .await
}

/// Adds up the stock of a product over the warehouses; stock that was not counted counts as none.
pub async fn inventory(context: StepContext) -> Result<Value, StepError> {
    let table: Table = context.dependency_as("extract_inventory")?;
    let currency: String = context.input_or("currency", "EUR".to_owned())?;
    apart(move || {
        let rates = Rates::load()?;
        let mut uncounted = 0;
        let mut products: BTreeMap<String, Product> = BTreeMap::new();
        for stock in table.read::<RawStock>()? {
            let RawStock { sku, category, cost_cents, on_hand } = stock?;
            uncounted += u64::from(on_hand.is_none());
            let cost_cents = rates.convert(cost_cents, "EUR", &currency)?;
            let product = products.entry(sku.clone());
            product.or_insert(Product { sku, category, cost_cents, on_hand: 0 }).on_hand += on_hand.unwrap_or(0);
        }
        let products: Vec<Product> = products.into_values().collect();
        let on_hand: u64 = products.iter().map(|product| product.on_hand).sum();
        let table = Table::write(table.beside(&format!("{currency}.clean")), &products)?;
        Ok(json!({"path": table.path, "rows": table.rows, "uncounted": uncounted, "on_hand": on_hand}))
    })
    .await
}

/// By currency: the value of one unit in ten-thousandths of a euro.
struct Rates(BTreeMap<String, u64>);

impl Rates {
    fn load() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("rates.json")).map(Self)
    }

    /// Rounded half up to a whole cent.
    fn convert(&self, cents: u64, from: &str, to: &str) -> Result<u64, StepError> {
        let (from, to) = (self.rate(from)?, self.rate(to)?);
        Ok((2 * cents * from + to) / (2 * to))
    }

    fn rate(&self, currency: &str) -> Result<u64, StepError> {
        let rate = self.0.get(currency).copied();
        rate.ok_or_else(|| StepError::permanent("unknown_currency", format!("there is no rate for `{currency}`")))
    }
}

fn country_code(spelling: &str) -> Result<&'static str, StepError> {
    match spelling {
        "DE" | "de" | "Germany" => Ok("DE"),
        "FR" | "France" => Ok("FR"),
        "IT" | "Italy" => Ok("IT"),
        "PT" => Ok("PT"),
        _ => Err(StepError::permanent("unknown_country", format!("`{spelling}` is no country of the export"))),
    }
}
