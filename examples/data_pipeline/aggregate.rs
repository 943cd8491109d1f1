//! Bringing the cleaned tables together.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use serde::{Deserialize, Serialize};
use tasker_worker::{StepContext, StepError};

use super::{
    files::{Table, apart},
    transform::{Customer, Order, Product},
};

/// Money in and the goods it paid for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sales {
    pub orders: u64,
    pub revenue_cents: u64,
    /// Revenue less the cost of the goods; below zero where they were sold under cost.
    pub margin_cents: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct TopCustomer {
    pub customer_id: String,
    pub name: String,
    pub revenue_cents: u64,
}

/// A product of which more was sold than is left.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shortage {
    pub sku: String,
    pub sold: u64,
    pub on_hand: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub total: Sales,
    pub by_category: BTreeMap<String, Sales>,
    pub by_segment: BTreeMap<String, Sales>,
    pub by_month: BTreeMap<String, Sales>,
    /// Orders of customers that are not (or no longer) among the customers.
    pub unmatched_orders: u64,
    pub active_customers: u64,
    pub top_customers: Vec<TopCustomer>,
    pub shortages: u64,
    pub worst_shortages: Vec<Shortage>,
}

/// Joins orders with customers and products; orders without a known customer count in all but the segments.
pub async fn sales(context: StepContext) -> Result<Report, StepError> {
    let orders: Table = context.dependency_as("transform_orders")?;
    let customers: Table = context.dependency_as("transform_customers")?;
    let inventory: Table = context.dependency_as("transform_inventory")?;
    let top: usize = context.config_or("top", 5)?;
    apart(move || {
        let customers = by_key(customers.read()?, |customer: &Customer| customer.customer_id.clone())?;
        let products = by_key(inventory.read()?, |product: &Product| product.sku.clone())?;
        let mut sums = Sums::default();
        for order in orders.read::<Order>()? {
            let order = order?;
            let product = products.get(&order.sku).ok_or_else(|| unknown_product(&order))?;
            sums.add(&order, customers.get(&order.customer_id), product);
        }
        Ok(sums.into_report(&customers, &products, top))
    })
    .await
}

/// What is added up while the orders pass by.
#[derive(Default)]
struct Sums {
    total: Sales,
    by_category: BTreeMap<String, Sales>,
    by_segment: BTreeMap<String, Sales>,
    by_month: BTreeMap<String, Sales>,
    unmatched_orders: u64,
    revenue_by_customer: BTreeMap<String, u64>,
    sold_by_sku: BTreeMap<String, u64>,
}

impl Sums {
    fn add(&mut self, order: &Order, customer: Option<&Customer>, product: &Product) {
        let cost_cents = product.cost_cents * order.quantity;
        let mut places = vec![&mut self.total, entry(&mut self.by_category, &product.category)];
        places.push(entry(&mut self.by_month, &order.month));
        if let Some(customer) = customer {
            places.push(entry(&mut self.by_segment, &customer.segment));
            *entry(&mut self.revenue_by_customer, &customer.customer_id) += order.revenue_cents;
        } else {
            self.unmatched_orders += 1;
        }
        for place in places {
            place.orders += 1;
            place.revenue_cents += order.revenue_cents;
            place.margin_cents += order.revenue_cents.cast_signed() - cost_cents.cast_signed();
        }
        *entry(&mut self.sold_by_sku, &order.sku) += order.quantity;
    }

    fn into_report(
        self,
        customers: &HashMap<String, Customer>,
        products: &HashMap<String, Product>,
        top: usize,
    ) -> Report {
        let active_customers = self.revenue_by_customer.len() as u64;
        // The maps are sorted by id and the sorts below are stable, so that equals are always in the same order.
        let mut ranked: Vec<(String, u64)> = self.revenue_by_customer.into_iter().collect();
        ranked.sort_by_key(|(_, revenue_cents)| Reverse(*revenue_cents));
        let top_customers = ranked.into_iter().take(top).map(|(customer_id, revenue_cents)| {
            let name = customers.get(&customer_id).map(|customer| customer.name.clone()).unwrap_or_default();
            TopCustomer { customer_id, name, revenue_cents }
        });
        let mut shortages: Vec<Shortage> = self
            .sold_by_sku
            .into_iter()
            .filter_map(|(sku, sold)| {
                let on_hand = products.get(&sku)?.on_hand;
                (sold > on_hand).then_some(Shortage { sku, sold, on_hand })
            })
            .collect();
        shortages.sort_by_key(|shortage| Reverse(shortage.sold - shortage.on_hand));
        let shortage_count = shortages.len() as u64;
        shortages.truncate(top);
        Report {
            total: self.total,
            by_category: self.by_category,
            by_segment: self.by_segment,
            by_month: self.by_month,
            unmatched_orders: self.unmatched_orders,
            active_customers,
            top_customers: top_customers.collect(),
            shortages: shortage_count,
            worst_shortages: shortages,
        }
    }
}

fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, key: &str) -> &'a mut T {
    map.entry(key.to_owned()).or_default()
}

fn by_key<T>(
    rows: impl Iterator<Item = Result<T, StepError>>,
    key: impl Fn(&T) -> String,
) -> Result<HashMap<String, T>, StepError> {
    rows.map(|row| row.map(|row| (key(&row), row))).collect()
}

fn unknown_product(order: &Order) -> StepError {
    let message = format!("order {} is for `{}`, which the inventory does not have", order.order_id, order.sku);
    StepError::permanent("unknown_product", message)
}
