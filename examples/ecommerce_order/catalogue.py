"""What the tea shop sells, where it lies, and what is added to its price."""

import json
from pathlib import Path
from typing import Any

from tasker_core import PermanentError

CATALOGUE: dict[str, Any] = json.loads((Path(__file__).parent / "catalogue.json").read_text())


def product_on_sale(sku: str) -> dict[str, Any]:
    """Raises ``unknown_sku`` or ``product_discontinued``."""
    product = next((product for product in CATALOGUE["products"] if product["sku"] == sku), None)
    if product is None:
        raise PermanentError(f"the catalogue has no product `{sku}`", error_code="unknown_sku")
    if product.get("discontinued"):
        raise PermanentError(f"`{product['name']}` is no longer sold", error_code="product_discontinued")
    return product


def tax_rate(country: str, tax_class: str) -> int:
    """In hundredths of a percent. Raises ``country_not_served``."""
    rate = CATALOGUE["tax_basis_points"].get(country, {}).get(tax_class)
    if rate is None:
        raise _not_served(country)
    return rate


def warehouses_for(country: str) -> list[str]:
    """The warehouses that deliver to a country, the nearest first. Raises ``country_not_served``."""
    warehouses = CATALOGUE["warehouses"].get(country)
    if warehouses is None:
        raise _not_served(country)
    return warehouses


def _not_served(country: str) -> PermanentError:
    return PermanentError(f"nothing is delivered to `{country}`", error_code="country_not_served")
