"""The fields of documents are those that the API describes."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT
from tasker_core.documents import Document, Ending, Event, Step, Task, _fields

SCHEMAS = json.loads((ROOT / "docs/reference/openapi.json").read_text())["components"]["schemas"]


@pytest.mark.parametrize(
    ("kind", "schema"), [(Task, "TaskView"), (Step, "StepView"), (Event, "EventView"), (Ending, "Ending")]
)
def test_every_field_is_declared(kind: type[Document], schema: str) -> None:
    declared = {name for name in _fields(kind) | set(vars(kind)) if not name.startswith("_")}
    assert set(SCHEMAS[schema]["properties"]) <= declared


def test_a_field_that_is_left_out_is_none() -> None:
    assert Event(type="step.completed").details is None
    with pytest.raises(AttributeError):
        _ = Event().no_such_field
