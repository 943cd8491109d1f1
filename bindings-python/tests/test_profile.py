"""The JSON profile, on the samples that every language's suite loads."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from pathlib import PurePosixPath
from typing import Any

import pytest
from conftest import ROOT
from pydantic import BaseModel
from tasker_core import _native
from tasker_core._values import default

SAMPLES = json.loads((ROOT / "tasker-worker/tests/profile.json").read_text())


def made(described: Any) -> Any:
    """The value that a sample describes; see the head of docs/reference/json-profile.md."""
    if isinstance(described, list):
        return [made(item) for item in described]
    if not isinstance(described, dict):
        return described
    if len(described) == 1 and next(iter(described)).startswith("$"):
        kind, text = next(iter(described.items()))
        return MAKERS[kind](text)
    return {key: made(value) for key, value in described.items()}


def circular(kind: str) -> Any:
    value: Any = [] if kind == "list" else {}
    if kind == "list":
        value.append({"back": value})
    else:
        value["inner"] = [value]
    return value


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


MAKERS = {
    "$date": datetime.date.fromisoformat,
    "$datetime": lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00")),
    "$decimal": decimal.Decimal,
    "$uuid": uuid.UUID,
    "$symbol": lambda text: enum.Enum("Symbol", {"it": text}).it,  # Python has no symbols; an enum is nearest
    "$int": int,
    "$float": float,
    "$bytes": str.encode,
    "$broken_text": lambda _: "\ud800",
    "$map": lambda entries: {made(key): made(value) for key, value in entries},
    "$circular": circular,
    "$deep": deep,
    "$object": lambda _: object(),
}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_sample(sample: dict[str, Any]) -> None:
    value = made(sample["value"])
    if "json" in sample:
        assert _native.dumps(value, default) == sample["json"]
        return
    with pytest.raises(_native.NativeError) as raised:
        _native.dumps(value, default)
    code, _, is_transient, _, faults = raised.value.args
    fault = json.loads(faults)[0]
    assert (code, is_transient) == ("value_not_json", False)
    assert (fault["code"], fault["path"]) == (sample["fault"]["reason"], sample["fault"]["path"])


def test_python_types_of_their_own() -> None:
    class Color(str, enum.Enum):
        RED = "red"

    @dataclasses.dataclass
    class Point:
        x: int
        color: Color

    class Model(BaseModel):
        when: datetime.date
        price: decimal.Decimal

    Pair = collections.namedtuple("Pair", "a b")
    values = [
        (Point(1, Color.RED), '{"x":1,"color":"red"}'),
        (Model(when=datetime.date(2026, 3, 1), price=decimal.Decimal("1.10")), '{"when":"2026-03-01","price":"1.10"}'),
        (Pair(1, (2, 3)), '{"a":1,"b":[2,3]}'),
        (collections.OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        ({Color.RED: 1}, '{"red":1}'),
        (PurePosixPath("a/b"), '"a/b"'),
        (True, "true"),
    ]
    assert [_native.dumps(value, default) for value, _ in values] == [text for _, text in values]


@pytest.mark.parametrize(
    ("value", "reason"),
    [({1, 2}, "unsupported"), (datetime.datetime(2026, 3, 1), "unsupported"), (decimal.Decimal("NaN"), "unsupported")],
)
def test_what_python_could_write_in_two_ways_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(_native.NativeError) as raised:
        _native.dumps({"at": value}, default)
    fault = json.loads(raised.value.args[4])[0]
    assert (fault["code"], fault["path"]) == (reason, "at")


def test_what_default_raises_comes_through() -> None:
    class Odd:
        def model_dump(self) -> Any:
            raise KeyError("x")

    with pytest.raises(KeyError):
        _native.dumps([Odd()], default)


def test_a_value_that_turns_into_itself_ends() -> None:
    class Endless:
        def model_dump(self) -> Any:
            return {"again": Endless()}

    with pytest.raises(_native.NativeError):
        _native.dumps(Endless(), default)


def test_golden_samples_of_the_protocol_survive_the_round_trip() -> None:
    samples = sorted((ROOT / "tasker-worker/tests/golden").glob("*.json"))
    assert len(samples) >= 14
    for sample in samples:
        value = _native.loads(sample.read_text())
        assert value == json.loads(sample.read_text()), sample.name
        assert _native.loads(_native.dumps(value, default)) == value, sample.name
