"""The shop's three exports, made up: the same seed and number of rows always give the same bytes.

The files are as untidy as exports are: orders that were cancelled, written twice or have no quantity, customers whose country
is spelled in three ways, stock that was never counted.
"""

from collections.abc import Iterator
from typing import Any

_CUSTOMERS = 10_000
_PRODUCTS = 2_500
_WAREHOUSES = ["berlin", "lyon", "porto", "turin"]
_CATEGORIES = ["tea", "coffee", "ceramics", "kettles", "sweets"]
_CURRENCIES = ["EUR", "EUR", "EUR", "USD", "GBP"]
_STATUSES = [
    "paid",
    "paid",
    "paid",
    "shipped",
    "shipped",
    "shipped",
    "shipped",
    "cancelled",
]
_FIRST = ["Ada", "Bruno", "Chiara", "Dilan", "Edith", "Farid", "Greta", "Hugo"]
_LAST = [
    "Almeida",
    "Berger",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Gallo",
    "Horvat",
]
_COUNTRIES = ["DE", "de", "Germany", "FR", "France", "PT", "IT", "Italy"]
_SEGMENTS = ["consumer", "consumer", "consumer", "business", "reseller"]

#: By source, in the order of their streams of numbers.
COLUMNS = {
    "orders": [
        "order_id",
        "customer_id",
        "sku",
        "quantity",
        "unit_price_cents",
        "currency",
        "status",
        "ordered_on",
    ],
    "customers": ["customer_id", "name", "email", "country", "segment"],
    "inventory": ["sku", "category", "warehouse", "cost_cents", "on_hand"],
}


class Random:
    """Marsaglia's xorshift with 32 bits: not random in any serious sense, but the same few lines in every language."""

    def __init__(self, seed: int, stream: int) -> None:
        # Zero is the one state that never leaves itself.
        self._state = max(1, (seed * 2_654_435_769 ^ stream * 40_503) & 0xFFFFFFFF)
        for _ in range(8):
            self._next()

    def below(self, end: int) -> int:
        return self._next() % end

    def one_in(self, times: int) -> bool:
        return self.below(times) == 0

    def one_of(self, choices: list[str]) -> str:
        return choices[self._next() % len(choices)]

    def _next(self) -> int:
        state = self._state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        self._state = state
        return state


def file_name(source: str, order_rows: int, seed: int) -> str:
    """Only the orders depend on a number of rows."""
    return f"orders-{order_rows}-{seed}.csv" if source == "orders" else f"{source}-{seed}.csv"


def rows(source: str, order_rows: int, seed: int) -> Iterator[list[Any]]:
    # Each file has numbers of its own, so that any of them can be made without the others.
    random = Random(seed, list(COLUMNS).index(source))
    if source == "orders":
        return _orders(order_rows, random)
    return _customers(random) if source == "customers" else _inventory(random)


def _orders(order_rows: int, random: Random) -> Iterator[list[Any]]:
    number = 0
    for row in range(order_rows):
        # About one row in a hundred repeats the order before it.
        if row == 0 or not random.one_in(100):
            number += 1
        # Low numbers come more often, as good customers and good products do.
        customer = min(random.below(_CUSTOMERS), random.below(_CUSTOMERS + _CUSTOMERS // 50))
        product = min(random.below(_PRODUCTS), random.below(_PRODUCTS))
        quantity = "" if random.one_in(50) else 1 + random.below(6)
        currency = random.one_of(_CURRENCIES)
        status = random.one_of(_STATUSES)
        month = 1 + row * 12 // order_rows
        price = 250 + random.below(9_750)
        day = 1 + random.below(28)
        yield [
            f"O{number:07}",
            f"C{customer:05}",
            f"P{product:04}",
            quantity,
            price,
            currency,
            status,
            f"2025-{month:02}-{day:02}",
        ]


def _customers(random: Random) -> Iterator[list[Any]]:
    for customer in range(_CUSTOMERS):
        first, last = random.one_of(_FIRST), random.one_of(_LAST)
        email = "" if random.one_in(40) else f"{first}.{last}.{customer}@Example.org"
        yield [
            f"C{customer:05}",
            f"{first} {last}",
            email,
            random.one_of(_COUNTRIES),
            random.one_of(_SEGMENTS),
        ]


def _inventory(random: Random) -> Iterator[list[Any]]:
    for product in range(_PRODUCTS):
        category = random.one_of(_CATEGORIES)
        cost_cents = 100 + random.below(3_900)
        for warehouse in _WAREHOUSES:
            on_hand = "" if random.one_in(30) else random.below(25)
            yield [f"P{product:04}", category, warehouse, cost_cents, on_hand]
