//! The shop's three exports, made up: the same seed and number of rows always give the same bytes.
//!
//! The files are as untidy as exports are: orders that were cancelled, written twice or have no quantity, customers
//! whose country is spelled in three ways, stock that was never counted.

use std::{fmt::Write as _, io::Write};

use super::random::Random;

/// One of the three exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Orders,
    Customers,
    Inventory,
}

/// Customers and products that orders refer to, so that the three files fit together.
const CUSTOMERS: u32 = 10_000;
const PRODUCTS: u32 = 2_500;
const WAREHOUSES: [&str; 4] = ["berlin", "lyon", "porto", "turin"];
const CATEGORIES: [&str; 5] = ["tea", "coffee", "ceramics", "kettles", "sweets"];

impl Source {
    pub const ALL: [Self; 3] = [Self::Orders, Self::Customers, Self::Inventory];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Customers => "customers",
            Self::Inventory => "inventory",
        }
    }

    /// The name of the file. Only the orders depend on a number of rows.
    #[must_use]
    pub fn file_name(self, order_rows: u32, seed: u32) -> String {
        match self {
            Self::Orders => format!("orders-{order_rows}-{seed}.csv"),
            Self::Customers | Self::Inventory => format!("{}-{seed}.csv", self.name()),
        }
    }

    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Orders => {
                &["order_id", "customer_id", "sku", "quantity", "unit_price_cents", "currency", "status", "ordered_on"]
            }
            Self::Customers => &["customer_id", "name", "email", "country", "segment"],
            Self::Inventory => &["sku", "category", "warehouse", "cost_cents", "on_hand"],
        }
    }

    /// Writes the export.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(self, order_rows: u32, seed: u32, out: impl Write) -> csv::Result<()> {
        // Each file has numbers of its own, so that any of them can be made without the others.
        let mut random = Random::new(seed, self as u32);
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(self.columns())?;
        match self {
            Self::Orders => write_orders(&mut rows, order_rows, &mut random)?,
            Self::Customers => write_customers(&mut rows, &mut random)?,
            Self::Inventory => write_inventory(&mut rows, &mut random)?,
        }
        rows.flush()?;
        Ok(())
    }
}

fn write_orders(rows: &mut csv::Writer<impl Write>, order_rows: u32, random: &mut Random) -> csv::Result<()> {
    let mut number = 0;
    for row in 0..order_rows {
        // About one row in a hundred repeats the order before it.
        if row == 0 || !random.one_in(100) {
            number += 1;
        }
        // Low numbers come more often, as good customers and good products do.
        let customer = random.below(CUSTOMERS).min(random.below(CUSTOMERS + CUSTOMERS / 50));
        let product = random.below(PRODUCTS).min(random.below(PRODUCTS));
        let quantity = if random.one_in(50) { "".to_owned() } else { (1 + random.below(6)).to_string() };
        let currency = random.one_of(&["EUR", "EUR", "EUR", "USD", "GBP"]);
        let status = random.one_of(&["paid", "paid", "paid", "shipped", "shipped", "shipped", "shipped", "cancelled"]);
        let month = 1 + u64::from(row) * 12 / u64::from(order_rows);
        rows.write_record([
            format!("O{number:07}"),
            format!("C{customer:05}"),
            sku(product),
            quantity,
            (250 + random.below(9_750)).to_string(),
            currency.to_owned(),
            status.to_owned(),
            format!("2025-{month:02}-{:02}", 1 + random.below(28)),
        ])?;
    }
    Ok(())
}

fn write_customers(rows: &mut csv::Writer<impl Write>, random: &mut Random) -> csv::Result<()> {
    const FIRST: [&str; 8] = ["Ada", "Bruno", "Chiara", "Dilan", "Edith", "Farid", "Greta", "Hugo"];
    const LAST: [&str; 8] = ["Almeida", "Berger", "Costa", "Dubois", "Eriksen", "Fischer", "Gallo", "Horvat"];
    for customer in 0..CUSTOMERS {
        let (first, last) = (random.one_of(&FIRST), random.one_of(&LAST));
        let mut email = String::new();
        if !random.one_in(40) {
            // Writing to a String cannot fail.
            let _ = write!(email, "{first}.{last}.{customer}@Example.org");
        }
        let country = random.one_of(&["DE", "de", "Germany", "FR", "France", "PT", "IT", "Italy"]);
        let segment = random.one_of(&["consumer", "consumer", "consumer", "business", "reseller"]);
        rows.write_record([&format!("C{customer:05}"), &format!("{first} {last}"), &email, country, segment])?;
    }
    Ok(())
}

fn write_inventory(rows: &mut csv::Writer<impl Write>, random: &mut Random) -> csv::Result<()> {
    for product in 0..PRODUCTS {
        let category = random.one_of(&CATEGORIES);
        let cost_cents = (100 + random.below(3_900)).to_string();
        for warehouse in WAREHOUSES {
            let on_hand = if random.one_in(30) { "".to_owned() } else { random.below(25).to_string() };
            rows.write_record([&sku(product), category, warehouse, &cost_cents, &on_hand])?;
        }
    }
    Ok(())
}

fn sku(product: u32) -> String {
    format!("P{product:04}")
}
