//! Example workflows: one folder each with a template, its handlers, and cases that say how a run must end.

#[path = "../customer_refund/handlers.rs"]
pub mod customer_refund;
#[path = "../data_pipeline/handlers.rs"]
pub mod data_pipeline;
#[path = "../ecommerce_order/handlers.rs"]
pub mod ecommerce_order;
pub mod money;
#[path = "../payment_gateway/gateway.rs"]
pub mod payment_gateway;
#[path = "../payment_refund/handlers.rs"]
pub mod payment_refund;
#[path = "../price_import/handlers.rs"]
pub mod price_import;
#[path = "../purchase_approval/handlers.rs"]
pub mod purchase_approval;
pub mod reference;
#[path = "../stock_count/handlers.rs"]
pub mod stock_count;
#[path = "../travel_booking/handlers.rs"]
pub mod travel_booking;
#[path = "../user_registration/handlers.rs"]
pub mod user_registration;

use tasker_worker::HandlerRegistry;

/// One example, as it is in its folder.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Name of the folder and of the template.
    pub name: &'static str,
    /// `template.yaml`.
    pub template: &'static str,
    /// `input.json`: an input whose run ends `complete`.
    pub input: &'static str,
    /// `cases.yaml`: inputs, and how a run with each must end. README.md of the examples describes the format.
    pub cases: &'static str,
}

macro_rules! example {
    ($name:literal) => {
        Example {
            name: $name,
            template: include_str!(concat!("../", $name, "/template.yaml")),
            input: include_str!(concat!("../", $name, "/input.json")),
            cases: include_str!(concat!("../", $name, "/cases.yaml")),
        }
    };
}

/// Every example, the one to begin with first.
pub const EXAMPLES: [Example; 9] = [
    example!("ecommerce_order"),
    example!("user_registration"),
    example!("payment_refund"),
    example!("customer_refund"),
    example!("data_pipeline"),
    example!("price_import"),
    example!("purchase_approval"),
    example!("stock_count"),
    example!("travel_booking"),
];

/// Name and YAML text of every template.
pub fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXAMPLES.into_iter().map(|example| (example.name, example.template))
}

/// The handlers of every example.
#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .merge(ecommerce_order::registry())
        .merge(user_registration::registry())
        .merge(payment_refund::registry())
        .merge(customer_refund::registry())
        .merge(data_pipeline::registry())
        .merge(price_import::registry())
        .merge(purchase_approval::registry())
        .merge(stock_count::registry())
        .merge(travel_booking::registry())
}
