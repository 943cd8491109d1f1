"""A supplier's price list: which way it goes, its rows checked in one go or in parts, what came of it, and a claim for each
row that was refused."""

import json
from pathlib import Path
from typing import Any

from reference import reference
from tasker_core import (
    BatchConfig,
    BatchContext,
    Decision,
    PermanentError,
    RetryableError,
    StepContext,
    batch_analyzer,
    batch_worker,
    decision_handler,
    depends_on,
    inputs,
    step_handler,
)

LISTS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "price_lists.json").read_text())


def rows_of(list_id: str) -> list[dict[str, Any]]:
    if list_id not in LISTS:
        raise PermanentError(f"there is no price list `{list_id}`", error_code="list_not_found")
    return LISTS[list_id]


@decision_handler("choose_way")
@inputs("list_id")
def choose_way(list_id: str, context: StepContext) -> Decision:
    """A short list is not worth splitting, and an empty one is nothing to do."""
    rows = len(rows_of(list_id))
    if rows == 0:
        return Decision.skip("the list has no rows")
    return Decision.route(["price_list" if rows <= context.get_config("rows_in_one_go_max") else "split_list"])


@step_handler("price_list")
@inputs("list_id")
def price_list(list_id: str, context: StepContext) -> dict[str, Any]:
    return price(list_id, range(len(rows_of(list_id))), context)


@batch_analyzer("split_list")
@inputs("list_id")
def split_list(list_id: str, context: StepContext) -> BatchConfig:
    return BatchConfig(total_items=len(rows_of(list_id)), batch_size=context.get_config("rows_per_part"))


@batch_worker("price_part")
@inputs("list_id")
def price_part(list_id: str, batch_context: BatchContext, context: StepContext) -> dict[str, Any]:
    return price(list_id, range(batch_context.start_cursor or 0, batch_context.end_cursor or 0), context)


def price(list_id: str, rows: range, context: StepContext) -> dict[str, Any]:
    percent_max = context.get_config("increase_percent_max")
    accepted, change_cents, rejected = 0, 0, []
    for number in rows:
        row = rows_of(list_id)[number]
        sku, old_cents, new_cents = row["sku"], row["old_cents"], row["new_cents"]
        if sku.startswith("BUSY") and not context.is_retry():
            raise RetryableError(f"`{sku}` is being changed by somebody else", error_code="catalog_busy")
        if new_cents is None:
            raise PermanentError(f"row {number} has no price that can be read", error_code="row_unreadable")
        if new_cents == 0:
            rejected.append({"row": number, "sku": sku, "reason": "no_price"})
        elif new_cents * 100 > old_cents * (100 + percent_max):
            rejected.append({"row": number, "sku": sku, "reason": "increase_too_high"})
        else:
            accepted += 1
            change_cents += new_cents - old_cents
    return {"rows": len(rows), "accepted": accepted, "change_cents": change_cents, "rejected": rejected}


@step_handler("report_prices")
@depends_on(parts="price_part", whole="price_list")
def report_prices(parts: list[dict[str, Any] | None] | None, whole: dict[str, Any] | None) -> dict[str, Any]:
    """Adds up what was done, whichever way; a part that was given up is None in the list."""
    parts = [whole] if parts is None else parts
    done = [part for part in parts if part is not None]
    return {
        "rows": sum(part["rows"] for part in done),
        "accepted": sum(part["accepted"] for part in done),
        "change_cents": sum(part["change_cents"] for part in done),
        "rejected": [rejected for part in done for rejected in part["rejected"]],
        "parts_lost": len(parts) - len(done),
    }


@batch_worker("file_claim")
@inputs("list_id")
def file_claim(list_id: str, batch_context: BatchContext) -> dict[str, Any]:
    sku, reason = batch_context.item["sku"], batch_context.item["reason"]
    return {"claim_id": reference("clm", list_id, sku), "sku": sku, "reason": reason}
