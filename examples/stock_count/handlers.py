"""The stock of a warehouse, counted shelf by shelf."""

import json
from pathlib import Path
from typing import Any

from tasker_core import (
    BatchConfig,
    BatchContext,
    PermanentError,
    RetryableError,
    StepContext,
    batch_analyzer,
    batch_worker,
    depends_on,
    inputs,
    step_handler,
)

WAREHOUSES: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "warehouses.json").read_text())


@batch_analyzer("list_shelves")
@inputs("warehouse", "on_failure")
def list_shelves(warehouse: str, on_failure: str | None) -> BatchConfig:
    if warehouse not in WAREHOUSES:
        raise PermanentError(f"there is no warehouse `{warehouse}`", error_code="warehouse_not_found")
    shelves = WAREHOUSES[warehouse]
    return BatchConfig(items=shelves, failure_strategy=on_failure, result={"shelves": len(shelves)})


@batch_worker("count_shelf")
def count_shelf(batch_context: BatchContext, context: StepContext) -> dict[str, Any]:
    """Counts box by box; what was counted before a failure is not counted again."""
    shelf = batch_context.item
    if shelf.get("is_locked"):
        raise PermanentError(f"shelf {shelf['shelf']} is locked", error_code="shelf_locked")
    resumed_at: int = context.checkpoint_cursor or 0
    items: int = context.accumulated_results or 0
    for number, count in enumerate(shelf["boxes"][resumed_at:], start=resumed_at):
        if number == shelf.get("scanner_fails_at") and not context.is_retry():
            raise RetryableError("the scanner does not answer", error_code="scanner_lost")
        items += count
        context.checkpoint(number + 1, accumulated_results=items, items_processed=number + 1)
    return {"shelf": shelf["shelf"], "items": items, "resumed_at": resumed_at}


@step_handler("report_stock")
@depends_on(shelves="count_shelf")
def report_stock(shelves: list[dict[str, Any] | None]) -> dict[str, int]:
    counted = [shelf for shelf in shelves if shelf is not None]
    items = sum(shelf["items"] for shelf in counted)
    return {"shelves": len(shelves), "items": items, "not_counted": len(shelves) - len(counted)}
