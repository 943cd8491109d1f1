//! An order in a tea shop, from the cart to the confirmation.

pub mod catalogue;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{HandlerRegistry, StepContext, StepError, StepHandler, StepResult};

use self::catalogue::{Catalogue, Promotion};
use crate::{
    money::{amount, share},
    payment_gateway::{Gateway, Receipt, Request},
    reference::reference,
};

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with("validate_cart", validate_cart)
        .with("reserve_inventory", reserve_inventory)
        .with("price_order", price_order)
        .with_handler("authorize_payment", AuthorizePayment)
        .with("create_order", create_order)
        .with("send_confirmation", send_confirmation)
}

#[derive(Debug, Deserialize)]
struct Customer {
    name: String,
    email: String,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    country: String,
    method: String,
}

#[derive(Debug, Deserialize)]
struct Item {
    sku: String,
    quantity: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Cart {
    lines: Vec<Line>,
    subtotal_cents: u64,
    weight_grams: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    sku: String,
    name: String,
    quantity: u64,
    total_cents: u64,
    tax_class: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Price {
    currency: String,
    subtotal_cents: u64,
    discount_cents: u64,
    shipping_cents: u64,
    tax_cents: u64,
    total_cents: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reservation {
    reservation_id: String,
    allocations: Vec<Allocation>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Allocation {
    sku: String,
    warehouse: String,
    quantity: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    order_id: String,
    shipments: Vec<String>,
    total_cents: u64,
    currency: String,
}

/// Looks every item up; items of the same product become one line.
async fn validate_cart(context: StepContext) -> Result<Cart, StepError> {
    let catalogue = Catalogue::load()?;
    let mut cart = Cart { lines: Vec::new(), subtotal_cents: 0, weight_grams: 0 };
    for item in context.input::<Vec<Item>>("items")? {
        let product = catalogue.product_on_sale(&item.sku)?;
        let total_cents = product.unit_price_cents * item.quantity;
        cart.subtotal_cents += total_cents;
        cart.weight_grams += product.weight_grams * item.quantity;
        let quantity = match cart.lines.iter_mut().find(|line| line.sku == item.sku) {
            Some(line) => {
                line.quantity += item.quantity;
                line.total_cents += total_cents;
                line.quantity
            }
            None => {
                let (name, tax_class) = (product.name.clone(), product.tax_class.clone());
                cart.lines.push(Line { sku: item.sku, name, quantity: item.quantity, total_cents, tax_class });
                item.quantity
            }
        };
        if quantity > product.max_per_order {
            let message = format!("{quantity} of `{}` are over the {} per order", product.name, product.max_per_order);
            return Err(StepError::permanent("quantity_over_limit", message));
        }
    }
    Ok(cart)
}

/// Takes each line from the nearest warehouses that have it.
async fn reserve_inventory(context: StepContext) -> Result<Reservation, StepError> {
    let catalogue = Catalogue::load()?;
    let cart: Cart = context.dependency_as("validate_cart")?;
    let delivery: Delivery = context.input("delivery")?;
    let warehouses = catalogue.warehouses_for(&delivery.country)?;

    let mut allocations = Vec::new();
    for line in &cart.lines {
        let product = catalogue.product_on_sale(&line.sku)?;
        let mut wanted = line.quantity;
        for warehouse in warehouses {
            let quantity = product.stock.get(warehouse).copied().unwrap_or(0).min(wanted);
            if quantity > 0 {
                allocations.push(Allocation { sku: line.sku.clone(), warehouse: warehouse.clone(), quantity });
                wanted -= quantity;
            }
        }
        if wanted > 0 {
            let message = format!("{wanted} of {} pieces of `{}` are not in stock", line.quantity, line.name);
            let missing = json!({"sku": line.sku, "missing": wanted});
            return Err(StepError::permanent("out_of_stock", message).with_context(missing));
        }
    }
    let customer: Customer = context.input("customer")?;
    let parts: Vec<String> =
        allocations.iter().map(|part| format!("{}:{}:{}", part.sku, part.warehouse, part.quantity)).collect();
    let reservation_id = reference("res", &[&customer.email, &parts.join(",")]);
    Ok(Reservation { reservation_id, allocations })
}

/// Goods less promotion, plus postage, plus tax on both.
async fn price_order(context: StepContext) -> Result<Price, StepError> {
    let catalogue = Catalogue::load()?;
    let cart: Cart = context.dependency_as("validate_cart")?;
    let delivery: Delivery = context.input("delivery")?;
    let promotion = promotion_for(&catalogue, context.input("promotion_code")?, cart.subtotal_cents)?;
    let discount_rate = promotion.map_or(0, |promotion| promotion.basis_points);

    let (mut discount_cents, mut tax_cents) = (0, 0);
    for line in &cart.lines {
        let discount = share(line.total_cents, discount_rate);
        discount_cents += discount;
        tax_cents += share(line.total_cents - discount, catalogue.tax_rate(&delivery.country, &line.tax_class)?);
    }
    let goods_cents = cart.subtotal_cents - discount_cents;
    let shipping_cents = postage(&catalogue, &delivery.method, cart.weight_grams, goods_cents)?;
    tax_cents += share(shipping_cents, catalogue.tax_rate(&delivery.country, "standard")?);
    Ok(Price {
        currency: catalogue.currency,
        subtotal_cents: cart.subtotal_cents,
        discount_cents,
        shipping_cents,
        tax_cents,
        total_cents: goods_cents + shipping_cents + tax_cents,
    })
}

fn promotion_for(
    catalogue: &Catalogue,
    code: Option<String>,
    subtotal_cents: u64,
) -> Result<Option<&Promotion>, StepError> {
    let Some(code) = code else { return Ok(None) };
    let promotion = catalogue.promotions.get(&code);
    let promotion = promotion
        .ok_or_else(|| StepError::permanent("unknown_promotion", format!("there is no promotion `{code}`")))?;
    Ok(Some(promotion).filter(|promotion| subtotal_cents >= promotion.min_subtotal_cents))
}

fn postage(catalogue: &Catalogue, method: &str, weight_grams: u64, goods_cents: u64) -> Result<u64, StepError> {
    let postage = catalogue.shipping.get(method);
    let postage = postage
        .ok_or_else(|| StepError::permanent("unknown_delivery", format!("there is no delivery by `{method}`")))?;
    let free = postage.free_from_cents.is_some_and(|from| goods_cents >= from);
    Ok(if free { 0 } else { postage.base_cents + postage.per_kg_cents * weight_grams.div_ceil(1_000) })
}

/// Sets the total aside on the customer's card. A handler with a type of its own, as one is written that keeps a
/// connection or a client.
struct AuthorizePayment;

#[async_trait]
impl StepHandler for AuthorizePayment {
    async fn call(&self, context: &StepContext) -> Result<StepResult, StepError> {
        let price: Price = context.dependency_as("price_order")?;
        let reservation: Reservation = context.dependency_as("reserve_inventory")?;
        let token: String = context.input("payment_token")?;
        let request = Request {
            token: &token,
            amount_cents: price.total_cents,
            currency: &price.currency,
            idempotency_key: &reservation.reservation_id,
            failed_tries: context.retry_count(),
        };
        let receipt = Gateway::sandbox()?.authorize(request);
        StepResult::of(&receipt.map_err(|refusal| refusal.into_step_error("payment_declined"))?)
    }
}

/// Brings reservation and payment together: one shipment for each warehouse.
async fn create_order(context: StepContext) -> Result<Order, StepError> {
    let reservation: Reservation = context.dependency_as("reserve_inventory")?;
    let payment: Receipt = context.dependency_as("authorize_payment")?;
    let mut shipments: Vec<String> = reservation.allocations.into_iter().map(|part| part.warehouse).collect();
    shipments.sort();
    shipments.dedup();
    Ok(Order {
        order_id: reference("ord", &[&reservation.reservation_id, &payment.id]),
        shipments,
        total_cents: payment.amount_cents,
        currency: payment.currency,
    })
}

/// Writes the mail that the customer gets.
async fn send_confirmation(context: StepContext) -> Result<Value, StepError> {
    let customer: Customer = context.input("customer")?;
    let cart: Cart = context.dependency_as("validate_cart")?;
    let price: Price = context.dependency_as("price_order")?;
    let payment: Receipt = context.dependency_as("authorize_payment")?;
    let order: Order = context.dependency_as("create_order")?;

    let money = |cents| amount(cents, &price.currency);
    let mut body = format!("Dear {},\n\nthank you for your order {}.\n\n", customer.name, order.order_id);
    for line in &cart.lines {
        body += &format!("{:>3} x {:<32} {:>14}\n", line.quantity, line.name, money(line.total_cents));
    }
    if price.discount_cents > 0 {
        body += &format!("      {:<32} {:>14}\n", "Discount", format!("-{}", money(price.discount_cents)));
    }
    for (label, cents) in [("Shipping", price.shipping_cents), ("Tax", price.tax_cents), ("Total", price.total_cents)] {
        body += &format!("      {label:<32} {:>14}\n", money(cents));
    }
    body += &format!("\nPaid with {}. Sent from: {}.\n", payment.card, order.shipments.join(", "));
    Ok(json!({
        "message_id": reference("msg", &[&customer.email, &order.order_id]),
        "to": customer.email,
        "subject": format!("Your order {} for {}", order.order_id, money(price.total_cents)),
        "body": body,
    }))
}
