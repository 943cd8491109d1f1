/** An order in a tea shop, from the cart to the confirmation. */

import { defineHandler, PermanentError, type StepContext, StepHandler, typed } from "@tasker-systems/tasker";
import { authorize, type Receipt } from "../payment_gateway/gateway.js";
import { amount, share } from "../src/money.js";
import { reference } from "../src/reference.js";
import { currency, discountRate, postage, productOnSale, taxRate, warehousesFor } from "./catalogue.js";

interface Customer {
  name: string;
  email: string;
}

interface Delivery {
  country: string;
  method: string;
}

interface Item {
  sku: string;
  quantity: number;
}

interface Line extends Item {
  name: string;
  total_cents: number;
  tax_class: string;
}

interface Cart {
  lines: Line[];
  subtotal_cents: number;
  weight_grams: number;
}

interface Price {
  currency: string;
  subtotal_cents: number;
  discount_cents: number;
  shipping_cents: number;
  tax_cents: number;
  total_cents: number;
}

interface Reservation {
  reservation_id: string;
  allocations: { sku: string; warehouse: string; quantity: number }[];
}

interface Order {
  order_id: string;
  shipments: string[];
  total_cents: number;
  currency: string;
}

/** Looks every item up; items of the same product become one line. */
const ValidateCart = defineHandler(
  "validate_cart",
  { inputs: { items: typed<Item[]>("items") } },
  ({ items }): Cart => {
    const cart: Cart = { lines: [], subtotal_cents: 0, weight_grams: 0 };
    for (const { sku, quantity } of items) {
      const product = productOnSale(sku);
      const total_cents = product.unit_price_cents * quantity;
      cart.subtotal_cents += total_cents;
      cart.weight_grams += product.weight_grams * quantity;
      let line = cart.lines.find((line) => line.sku === sku);
      if (line === undefined) {
        line = { sku, name: product.name, quantity: 0, total_cents: 0, tax_class: product.tax_class };
        cart.lines.push(line);
      }
      line.quantity += quantity;
      line.total_cents += total_cents;
      if (line.quantity > product.max_per_order) {
        const message = `${line.quantity} of \`${product.name}\` are over the ${product.max_per_order} per order`;
        throw new PermanentError(message, { errorCode: "quantity_over_limit" });
      }
    }
    return cart;
  },
);

/** Takes each line from the nearest warehouses that have it. */
const ReserveInventory = defineHandler(
  "reserve_inventory",
  {
    depends: { cart: typed<Cart>("validate_cart") },
    inputs: { delivery: typed<Delivery>("delivery"), customer: typed<Customer>("customer") },
  },
  ({ cart, delivery, customer }): Reservation => {
    const allocations: Reservation["allocations"] = [];
    for (const line of cart.lines) {
      const { stock } = productOnSale(line.sku);
      let wanted = line.quantity;
      for (const warehouse of warehousesFor(delivery.country)) {
        const quantity = Math.min(stock[warehouse] ?? 0, wanted);
        if (quantity > 0) allocations.push({ sku: line.sku, warehouse, quantity });
        wanted -= quantity;
      }
      if (wanted > 0) {
        const message = `${wanted} of ${line.quantity} pieces of \`${line.name}\` are not in stock`;
        throw new PermanentError(message, { errorCode: "out_of_stock", context: { sku: line.sku, missing: wanted } });
      }
    }
    const parts = allocations.map(({ sku, warehouse, quantity }) => `${sku}:${warehouse}:${quantity}`);
    return { reservation_id: reference("res", customer.email, parts.join(",")), allocations };
  },
);

/** Goods less promotion, plus postage, plus tax on both. */
const PriceOrder = defineHandler(
  "price_order",
  {
    depends: { cart: typed<Cart>("validate_cart") },
    inputs: { delivery: typed<Delivery>("delivery"), code: typed<string | undefined>("promotion_code") },
  },
  ({ cart, delivery, code }): Price => {
    const rate = discountRate(code, cart.subtotal_cents);
    let discount_cents = 0;
    let tax_cents = 0;
    for (const line of cart.lines) {
      const discount = share(line.total_cents, rate);
      discount_cents += discount;
      tax_cents += share(line.total_cents - discount, taxRate(delivery.country, line.tax_class));
    }
    const goodsCents = cart.subtotal_cents - discount_cents;
    const shipping_cents = postage(delivery.method, cart.weight_grams, goodsCents);
    tax_cents += share(shipping_cents, taxRate(delivery.country, "standard"));
    const total_cents = goodsCents + shipping_cents + tax_cents;
    return { currency, subtotal_cents: cart.subtotal_cents, discount_cents, shipping_cents, tax_cents, total_cents };
  },
);

/** Sets the total aside on the customer's card. A handler as a class, as one is written that has methods of its own. */
class AuthorizePayment extends StepHandler {
  static override handlerName = "authorize_payment";

  call(context: StepContext): unknown {
    const price = context.getDependencyResult<Price>("price_order");
    const reservation = context.getDependencyResult<Reservation>("reserve_inventory");
    const receipt = authorize({
      token: context.getInput("payment_token"),
      amountCents: price.total_cents,
      currency: price.currency,
      idempotencyKey: reservation.reservation_id,
      failedTries: context.retryCount,
      declinedAs: "payment_declined",
    });
    return this.success(receipt);
  }
}

/** Brings reservation and payment together: one shipment for each warehouse. */
const CreateOrder = defineHandler(
  "create_order",
  { depends: { reservation: typed<Reservation>("reserve_inventory"), payment: typed<Receipt>("authorize_payment") } },
  ({ reservation, payment }): Order => ({
    order_id: reference("ord", reservation.reservation_id, payment.id),
    shipments: [...new Set(reservation.allocations.map((part) => part.warehouse))].sort(),
    total_cents: payment.amount_cents,
    currency: payment.currency,
  }),
);

/** Writes the mail that the customer gets. */
const SendConfirmation = defineHandler(
  "send_confirmation",
  {
    depends: {
      cart: typed<Cart>("validate_cart"),
      price: typed<Price>("price_order"),
      payment: typed<Receipt>("authorize_payment"),
      order: typed<Order>("create_order"),
    },
    inputs: { customer: typed<Customer>("customer") },
  },
  ({ cart, price, payment, order, customer }) => {
    const money = (cents: number): string => amount(cents, price.currency);
    const row = (label: string, text: string): string => `      ${label.padEnd(32)} ${text.padStart(14)}\n`;
    let body = `Dear ${customer.name},\n\nthank you for your order ${order.order_id}.\n\n`;
    for (const line of cart.lines) {
      const quantity = String(line.quantity).padStart(3);
      body += `${quantity} x ${line.name.padEnd(32)} ${money(line.total_cents).padStart(14)}\n`;
    }
    if (price.discount_cents > 0) body += row("Discount", `-${money(price.discount_cents)}`);
    body += row("Shipping", money(price.shipping_cents));
    body += row("Tax", money(price.tax_cents));
    body += row("Total", money(price.total_cents));
    body += `\nPaid with ${payment.card}. Sent from: ${order.shipments.join(", ")}.\n`;
    return {
      message_id: reference("msg", customer.email, order.order_id),
      to: customer.email,
      subject: `Your order ${order.order_id} for ${money(price.total_cents)}`,
      body,
    };
  },
);

export const handlers = [ValidateCart, ReserveInventory, PriceOrder, AuthorizePayment, CreateOrder, SendConfirmation];
