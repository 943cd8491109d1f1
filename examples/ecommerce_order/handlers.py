"""An order in a tea shop, from the cart to the confirmation."""

from dataclasses import dataclass
from typing import Any

from ecommerce_order.catalogue import (
    CATALOGUE,
    product_on_sale,
    tax_rate,
    warehouses_for,
)
from money import amount, share
from payment_gateway.gateway import Receipt, Request, authorize
from reference import reference
from tasker_core import (
    HandlerRegistry,
    PermanentError,
    StepContext,
    StepHandler,
    StepHandlerResult,
    depends_on,
    inputs,
    step_handler,
)


@dataclass
class Line:
    sku: str
    name: str
    quantity: int
    total_cents: int
    tax_class: str


@dataclass
class Cart:
    lines: list[Line]
    subtotal_cents: int
    weight_grams: int


@dataclass
class Price:
    currency: str
    subtotal_cents: int
    discount_cents: int
    shipping_cents: int
    tax_cents: int
    total_cents: int


@dataclass
class Allocation:
    sku: str
    warehouse: str
    quantity: int


@dataclass
class Reservation:
    reservation_id: str
    allocations: list[Allocation]


@dataclass
class Order:
    order_id: str
    shipments: list[str]
    total_cents: int
    currency: str


@step_handler("validate_cart")
@inputs("items")
def validate_cart(items: list[dict[str, Any]]) -> Cart:
    """Looks every item up; items of the same product become one line."""
    lines: dict[str, Line] = {}
    cart = Cart([], 0, 0)
    for item in items:
        product = product_on_sale(item["sku"])
        total_cents = product["unit_price_cents"] * item["quantity"]
        cart.subtotal_cents += total_cents
        cart.weight_grams += product["weight_grams"] * item["quantity"]
        line = lines.setdefault(item["sku"], Line(item["sku"], product["name"], 0, 0, product["tax_class"]))
        line.quantity += item["quantity"]
        line.total_cents += total_cents
        if line.quantity > product["max_per_order"]:
            message = f"{line.quantity} of `{line.name}` are over the {product['max_per_order']} per order"
            raise PermanentError(message, error_code="quantity_over_limit")
    cart.lines = list(lines.values())
    return cart


@step_handler("reserve_inventory")
@depends_on(cart=("validate_cart", Cart))
@inputs("customer", "delivery")
def reserve_inventory(cart: Cart, customer: dict[str, Any], delivery: dict[str, Any]) -> Reservation:
    """Takes each line from the nearest warehouses that have it."""
    warehouses = warehouses_for(delivery["country"])
    allocations = []
    for line in cart.lines:
        stock = product_on_sale(line.sku)["stock"]
        wanted = line.quantity
        for warehouse in warehouses:
            quantity = min(stock.get(warehouse, 0), wanted)
            if quantity > 0:
                allocations.append(Allocation(line.sku, warehouse, quantity))
                wanted -= quantity
        if wanted > 0:
            message = f"{wanted} of {line.quantity} pieces of `{line.name}` are not in stock"
            missing = {"sku": line.sku, "missing": wanted}
            raise PermanentError(message, error_code="out_of_stock", context=missing)
    parts = ",".join(f"{part.sku}:{part.warehouse}:{part.quantity}" for part in allocations)
    return Reservation(reference("res", customer["email"], parts), allocations)


@step_handler("price_order")
@depends_on(cart=("validate_cart", Cart))
@inputs("delivery", "promotion_code")
def price_order(cart: Cart, delivery: dict[str, Any], promotion_code: str | None) -> Price:
    """Goods less promotion, plus postage, plus tax on both."""
    country = delivery["country"]
    discount_rate = _discount_rate(promotion_code, cart.subtotal_cents)
    discount_cents = tax_cents = 0
    for line in cart.lines:
        discount = share(line.total_cents, discount_rate)
        discount_cents += discount
        tax_cents += share(line.total_cents - discount, tax_rate(country, line.tax_class))
    goods_cents = cart.subtotal_cents - discount_cents
    shipping_cents = _postage(delivery["method"], cart.weight_grams, goods_cents)
    tax_cents += share(shipping_cents, tax_rate(country, "standard"))
    total_cents = goods_cents + shipping_cents + tax_cents
    return Price(
        CATALOGUE["currency"],
        cart.subtotal_cents,
        discount_cents,
        shipping_cents,
        tax_cents,
        total_cents,
    )


def _discount_rate(code: str | None, subtotal_cents: int) -> int:
    if code is None:
        return 0
    promotion = CATALOGUE["promotions"].get(code)
    if promotion is None:
        raise PermanentError(f"there is no promotion `{code}`", error_code="unknown_promotion")
    return promotion["basis_points"] if subtotal_cents >= promotion["min_subtotal_cents"] else 0


def _postage(method: str, weight_grams: int, goods_cents: int) -> int:
    postage = CATALOGUE["shipping"].get(method)
    if postage is None:
        raise PermanentError(f"there is no delivery by `{method}`", error_code="unknown_delivery")
    free_from = postage.get("free_from_cents")
    if free_from is not None and goods_cents >= free_from:
        return 0
    return postage["base_cents"] + postage["per_kg_cents"] * -(-weight_grams // 1_000)


class AuthorizePayment(StepHandler):
    """Sets the total aside on the customer's card. A class, as one is written that keeps a connection or a client."""

    handler_name = "authorize_payment"

    def call(self, context: StepContext) -> StepHandlerResult:
        price: Price = context.get_dependency_result("price_order", Price)
        reservation: Reservation = context.get_dependency_result("reserve_inventory", Reservation)
        request = Request(
            token=context.get_input("payment_token"),
            amount_cents=price.total_cents,
            currency=price.currency,
            idempotency_key=reservation.reservation_id,
            failed_tries=context.retry_count,
        )
        return self.success(authorize(request, "payment_declined"))


HandlerRegistry.instance().register(AuthorizePayment.handler_name, AuthorizePayment)


@step_handler("create_order")
@depends_on(
    reservation=("reserve_inventory", Reservation),
    payment=("authorize_payment", Receipt),
)
def create_order(reservation: Reservation, payment: Receipt) -> Order:
    """Brings reservation and payment together: one shipment for each warehouse."""
    shipments = sorted({part.warehouse for part in reservation.allocations})
    order_id = reference("ord", reservation.reservation_id, payment.id)
    return Order(order_id, shipments, payment.amount_cents, payment.currency)


@step_handler("send_confirmation")
@depends_on(
    cart=("validate_cart", Cart),
    price=("price_order", Price),
    payment=("authorize_payment", Receipt),
    order=("create_order", Order),
)
@inputs("customer")
def send_confirmation(
    customer: dict[str, Any], cart: Cart, price: Price, payment: Receipt, order: Order
) -> dict[str, Any]:
    """Writes the mail that the customer gets."""

    def money(cents: int) -> str:
        return amount(cents, price.currency)

    body = f"Dear {customer['name']},\n\nthank you for your order {order.order_id}.\n\n"
    for line in cart.lines:
        body += f"{line.quantity:>3} x {line.name:<32} {money(line.total_cents):>14}\n"
    if price.discount_cents > 0:
        body += f"      {'Discount':<32} {'-' + money(price.discount_cents):>14}\n"
    sums = [
        ("Shipping", price.shipping_cents),
        ("Tax", price.tax_cents),
        ("Total", price.total_cents),
    ]
    for label, cents in sums:
        body += f"      {label:<32} {money(cents):>14}\n"
    body += f"\nPaid with {payment.card}. Sent from: {', '.join(order.shipments)}.\n"
    return {
        "message_id": reference("msg", customer["email"], order.order_id),
        "to": customer["email"],
        "subject": f"Your order {order.order_id} for {money(price.total_cents)}",
        "body": body,
    }
