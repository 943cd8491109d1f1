"""The step of the parcel that is in Python: its price."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from tasker_core import StepContext, Worker, depends_on, step_handler


@dataclass
class Weight:
    grams: int
    customer_number: int


@step_handler("price_parcel")
@depends_on(weight=("weigh", Weight))
def price(weight: Weight, context: StepContext) -> dict[str, object]:
    kilograms = Decimal(weight.grams) / 1000
    cents = (kilograms * context.get_config("cents_per_kg")).quantize(Decimal(1), ROUND_UP)
    return {"cents": int(cents), "kilograms": kilograms, "customer_number": weight.customer_number}


if __name__ == "__main__":
    Worker.start(namespace="four_languages").run()
