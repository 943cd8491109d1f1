"""A nightly analysis: three exports are read, cleaned, brought together and summed up."""

import csv
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_pipeline.files import Table, write_table
from data_pipeline.generate import COLUMNS, file_name, rows
from money import amount
from tasker_core import (
    HandlerRegistry,
    PermanentError,
    RetryableError,
    StepContext,
    depends_on,
    inputs,
    step_handler,
)

_RATES: dict[str, int] = json.loads((Path(__file__).parent / "rates.json").read_text())
_COUNTRIES = {
    "DE": "DE",
    "de": "DE",
    "Germany": "DE",
    "FR": "FR",
    "France": "FR",
    "IT": "IT",
    "Italy": "IT",
    "PT": "PT",
}


def _extract(source: str) -> Callable[[StepContext], Table]:
    """Finds the export of a source, makes it where it is missing, and checks that it is whole."""

    def extract(context: StepContext) -> Table:
        if context.retry_count < context.get_input_or("outages", {}).get(source, 0):
            message = f"the export of {source} is not there yet (try {context.retry_count + 1})"
            raise RetryableError(message, error_code="source_unavailable")
        directory = context.get_input("data_dir") or Path(tempfile.gettempdir()) / "tasker-data-pipeline"
        order_rows, seed = (
            context.get_input_or("order_rows", 20_000),
            context.get_input_or("seed", 1),
        )
        path = Path(directory) / file_name(source, order_rows, seed)
        if not path.exists():
            write_table(path, COLUMNS[source], rows(source, order_rows, seed))
        with open(path, newline="") as file:
            table = csv.reader(file)
            columns = next(table, [])
            if columns != COLUMNS[source]:
                message = f"{path} has the columns {columns}, {COLUMNS[source]} were expected"
                raise PermanentError(message, error_code="unexpected_columns")
            return Table(str(path), sum(1 for _ in table))

    return extract


for _source in COLUMNS:
    HandlerRegistry.instance().register(f"extract_{_source}", _extract(_source))


@step_handler("transform_orders")
@depends_on(table=("extract_orders", Table))
@inputs("currency")
def transform_orders(table: Table, currency: str = "EUR") -> dict[str, Any]:
    """Drops orders that were cancelled, repeated or have no quantity; converts the rest to one currency."""
    # Asked for at once, so that an unknown currency fails before any work.
    _convert(0, currency, currency)
    dropped = {"cancelled": 0, "repeated": 0, "without_quantity": 0}
    seen = set()
    kept = []
    for order in table.read():
        if order["order_id"] in seen:
            dropped["repeated"] += 1
            continue
        seen.add(order["order_id"])
        if order["status"] == "cancelled":
            dropped["cancelled"] += 1
        elif not order["quantity"]:
            dropped["without_quantity"] += 1
        else:
            quantity = int(order["quantity"])
            revenue_cents = _convert(int(order["unit_price_cents"]) * quantity, order["currency"], currency)
            month = order["ordered_on"][: len("2025-01")]
            kept.append(
                (
                    order["order_id"],
                    order["customer_id"],
                    order["sku"],
                    quantity,
                    revenue_cents,
                    month,
                )
            )
    columns = ["order_id", "customer_id", "sku", "quantity", "revenue_cents", "month"]
    clean = write_table(table.beside(f"{currency}.clean"), columns, kept)
    revenue_cents = sum(order[4] for order in kept)
    return {
        "path": clean.path,
        "rows": clean.rows,
        "dropped": dropped,
        "currency": currency,
        "revenue_cents": revenue_cents,
    }


@step_handler("transform_customers")
@depends_on(table=("extract_customers", Table))
def transform_customers(table: Table) -> dict[str, Any]:
    """Spells countries in one way and drops customers that cannot be written to."""
    by_country: Counter[str] = Counter()
    kept = []
    for customer in table.read():
        if not customer["email"]:
            continue
        country = _COUNTRIES.get(customer["country"])
        if country is None:
            message = f"`{customer['country']}` is no country of the export"
            raise PermanentError(message, error_code="unknown_country")
        by_country[country] += 1
        kept.append((customer["customer_id"], customer["name"], country, customer["segment"]))
    clean = write_table(table.beside("clean"), ["customer_id", "name", "country", "segment"], kept)
    counts = dict(sorted(by_country.items()))
    return {
        "path": clean.path,
        "rows": clean.rows,
        "dropped": table.rows - len(kept),
        "by_country": counts,
    }


@step_handler("transform_inventory")
@depends_on(table=("extract_inventory", Table))
@inputs("currency")
def transform_inventory(table: Table, currency: str = "EUR") -> dict[str, Any]:
    """Adds up the stock of a product over the warehouses; stock that was not counted counts as none."""
    uncounted = 0
    products: dict[str, list[Any]] = {}
    for stock in table.read():
        uncounted += not stock["on_hand"]
        cost_cents = _convert(int(stock["cost_cents"]), "EUR", currency)
        product = products.setdefault(stock["sku"], [stock["sku"], stock["category"], cost_cents, 0])
        product[3] += int(stock["on_hand"] or 0)
    kept = [products[sku] for sku in sorted(products)]
    columns = ["sku", "category", "cost_cents", "on_hand"]
    clean = write_table(table.beside(f"{currency}.clean"), columns, kept)
    on_hand = sum(product[3] for product in kept)
    return {
        "path": clean.path,
        "rows": clean.rows,
        "uncounted": uncounted,
        "on_hand": on_hand,
    }


@step_handler("aggregate_sales")
@depends_on(
    orders=("transform_orders", Table),
    customers=("transform_customers", Table),
    inventory=("transform_inventory", Table),
)
def aggregate_sales(orders: Table, customers: Table, inventory: Table, context: StepContext) -> dict[str, Any]:
    """Joins orders with customers and products; orders without a known customer count in all but the segments."""
    top = context.get_config("top", 5)
    customer_by_id = {customer["customer_id"]: customer for customer in customers.read()}
    product_by_sku = {product["sku"]: product for product in inventory.read()}
    sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    revenue_by_customer: Counter[str] = Counter()
    sold_by_sku: Counter[str] = Counter()
    unmatched = 0
    for order in orders.read():
        product = product_by_sku.get(order["sku"])
        if product is None:
            message = f"order {order['order_id']} is for `{order['sku']}`, which the inventory does not have"
            raise PermanentError(message, error_code="unknown_product")
        quantity, revenue_cents = int(order["quantity"]), int(order["revenue_cents"])
        places = [
            ("total", ""),
            ("category", product["category"]),
            ("month", order["month"]),
        ]
        customer = customer_by_id.get(order["customer_id"])
        if customer is None:
            unmatched += 1
        else:
            places.append(("segment", customer["segment"]))
            revenue_by_customer[customer["customer_id"]] += revenue_cents
        margin_cents = revenue_cents - int(product["cost_cents"]) * quantity
        for place in places:
            sums[place].update(orders=1, revenue_cents=revenue_cents, margin_cents=margin_cents)
        sold_by_sku[order["sku"]] += quantity

    # Sorted by id first, since the sorts are stable: equals are always in the same order.
    ranked = sorted(sorted(revenue_by_customer.items()), key=lambda entry: -entry[1])[:top]
    stock = {sku: int(product["on_hand"]) for sku, product in product_by_sku.items()}
    short = [(sku, sold, stock[sku]) for sku, sold in sorted(sold_by_sku.items()) if sold > stock[sku]]
    short.sort(key=lambda entry: entry[2] - entry[1])
    return {
        "total": _sales(sums[("total", "")]),
        "by_category": _group(sums, "category"),
        "by_segment": _group(sums, "segment"),
        "by_month": _group(sums, "month"),
        "unmatched_orders": unmatched,
        "active_customers": len(revenue_by_customer),
        "top_customers": [
            {
                "customer_id": customer_id,
                "name": customer_by_id[customer_id]["name"],
                "revenue_cents": revenue_cents,
            }
            for customer_id, revenue_cents in ranked
        ],
        "shortages": len(short),
        "worst_shortages": [{"sku": sku, "sold": sold, "on_hand": on_hand} for sku, sold, on_hand in short[:top]],
    }


@step_handler("generate_insights")
@depends_on(report="aggregate_sales")
@inputs("currency")
def generate_insights(report: dict[str, Any], currency: str = "EUR") -> dict[str, Any]:
    """Shares and growth are in hundredths of a percent, rounded down, so that no language has to agree on decimals."""
    orders, total = report["total"]["orders"], report["total"]["revenue_cents"]
    if orders == 0:
        raise PermanentError("there is no order to learn from", error_code="nothing_sold")

    def money(cents: int) -> str:
        return amount(cents, currency)

    average = total // orders
    best_category, best = _largest(report["by_category"])
    best_month, peak = _largest(report["by_month"])
    top_revenue = sum(customer["revenue_cents"] for customer in report["top_customers"])
    unmatched_bp = report["unmatched_orders"] * 10_000 // orders
    headlines = [
        f"{money(total)} in {orders} orders, {money(average)} each",
        f"{best_category} sells best: {money(best)}",
        f"the best month is {best_month} with {money(peak)}",
    ]
    if report["shortages"] > 0:
        skus = ", ".join(shortage["sku"] for shortage in report["worst_shortages"])
        headlines.append(f"{report['shortages']} products sold more than is left, above all {skus}")
    if unmatched_bp > 100:
        headlines.append(f"{report['unmatched_orders']} orders have no known customer: check that export")
    return {
        "revenue_cents": total,
        "average_order_cents": average,
        # Towards zero, as integers are divided elsewhere.
        "margin_basis_points": int(report["total"]["margin_cents"] * 10_000 / max(1, total)),
        "best_category": best_category,
        "best_month": best_month,
        "top_customers_share_basis_points": top_revenue * 10_000 // max(1, total),
        "unmatched_orders_basis_points": unmatched_bp,
        "headlines": headlines,
    }


def _convert(cents: int, source: str, target: str) -> int:
    """Rounded half up to a whole cent."""
    for currency in (source, target):
        if currency not in _RATES:
            raise PermanentError(f"there is no rate for `{currency}`", error_code="unknown_currency")
    return (2 * cents * _RATES[source] + _RATES[target]) // (2 * _RATES[target])


def _sales(sums: Counter[str]) -> dict[str, int]:
    return {name: sums[name] for name in ("orders", "revenue_cents", "margin_cents")}


def _group(sums: dict[tuple[str, str], Counter[str]], kind: str) -> dict[str, Any]:
    return {name: _sales(value) for (group, name), value in sorted(sums.items()) if group == kind}


def _largest(sales: dict[str, Any]) -> tuple[str, int]:
    """The entry with the most revenue; of equals the first by name."""
    if not sales:
        return "none", 0
    name = min(sales, key=lambda name: (-sales[name]["revenue_cents"], name))
    return name, sales[name]["revenue_cents"]
