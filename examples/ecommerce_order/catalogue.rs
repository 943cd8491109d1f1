//! The shop's catalogue: products with their stock, tax rates, postage and promotions.

use std::collections::BTreeMap;

use serde::Deserialize;
use tasker_worker::StepError;

#[derive(Debug, Deserialize)]
pub struct Catalogue {
    /// ISO 4217 code of every price.
    pub currency: String,
    pub products: Vec<Product>,
    /// By country: the warehouses that deliver there, the nearest first.
    pub warehouses: BTreeMap<String, Vec<String>>,
    /// By country and class, in hundredths of a percent.
    pub tax_basis_points: BTreeMap<String, BTreeMap<String, u64>>,
    pub shipping: BTreeMap<String, Postage>,
    pub promotions: BTreeMap<String, Promotion>,
}

#[derive(Debug, Deserialize)]
pub struct Product {
    pub sku: String,
    pub name: String,
    pub tax_class: String,
    /// Without tax.
    pub unit_price_cents: u64,
    pub weight_grams: u64,
    pub max_per_order: u64,
    #[serde(default)]
    pub discontinued: bool,
    /// Pieces by warehouse.
    pub stock: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
pub struct Postage {
    pub base_cents: u64,
    /// For each kilogram begun.
    pub per_kg_cents: u64,
    /// Goods from this price on are sent for nothing.
    pub free_from_cents: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub struct Promotion {
    pub basis_points: u64,
    pub min_subtotal_cents: u64,
}

impl Catalogue {
    /// The catalogue in `catalogue.json`.
    ///
    /// # Errors
    /// When that file is broken.
    pub fn load() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("catalogue.json"))
    }

    /// The product that a customer may buy.
    ///
    /// # Errors
    /// Permanent: `unknown_sku`, `product_discontinued`.
    pub fn product_on_sale(&self, sku: &str) -> Result<&Product, StepError> {
        let product = self.products.iter().find(|product| product.sku == sku);
        let product = product
            .ok_or_else(|| StepError::permanent("unknown_sku", format!("the catalogue has no product `{sku}`")))?;
        if product.discontinued {
            return Err(StepError::permanent("product_discontinued", format!("`{}` is no longer sold", product.name)));
        }
        Ok(product)
    }

    /// Tax of a class of goods in a country, in hundredths of a percent.
    ///
    /// # Errors
    /// Permanent: `country_not_served`.
    pub fn tax_rate(&self, country: &str, class: &str) -> Result<u64, StepError> {
        let rate = self.tax_basis_points.get(country).and_then(|rates| rates.get(class));
        rate.copied().ok_or_else(|| not_served(country))
    }

    /// The warehouses that deliver to a country, the nearest first.
    ///
    /// # Errors
    /// Permanent: `country_not_served`.
    pub fn warehouses_for(&self, country: &str) -> Result<&[String], StepError> {
        self.warehouses.get(country).map(Vec::as_slice).ok_or_else(|| not_served(country))
    }
}

fn not_served(country: &str) -> StepError {
    StepError::permanent("country_not_served", format!("nothing is delivered to `{country}`"))
}
