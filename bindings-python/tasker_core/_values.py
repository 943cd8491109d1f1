"""Which Python values become JSON, beyond those that the native part knows (docs/reference/json-profile.md)."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import inspect
import os
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any


def default(value: Any) -> tuple[Any, str | None]:
    """The value that stands for ``value`` in JSON; or ``NotImplemented``, and what to do instead."""
    if isinstance(value, enum.Enum):
        return value.value, None
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return NotImplemented, "give it a time zone, for example datetime.now(timezone.utc)"
        return value.isoformat().replace("+00:00", "Z"), None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat(), None
    if isinstance(value, datetime.timedelta):
        return NotImplemented, "give its total_seconds()"
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            return NotImplemented, "use None or a text for what is not a number"
        return format(value, "f"), None
    if isinstance(value, uuid.UUID):
        return str(value), None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return NotImplemented, "decode it to a text, or encode it as Base64"
    if isinstance(value, (set, frozenset)):
        return NotImplemented, "sort it into a list"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, None
    # Pydantic models of version 2; their own aliases and serializers count.
    dump = getattr(type(value), "model_dump", None)
    if dump is not None:
        return dump(value), None
    return _plain(value)


def _plain(value: Any) -> tuple[Any, str | None]:
    """Subclasses of the plain types, without what they add."""
    if isinstance(value, str):
        return str.__str__(value), None
    if isinstance(value, int):
        return int(value), None
    if isinstance(value, float):
        return float(value), None
    if isinstance(value, (OrderedDict, defaultdict, dict)):
        return dict(value), None
    if isinstance(value, tuple) and (as_dict := getattr(value, "_asdict", None)) is not None:
        return as_dict(), None
    if isinstance(value, (list, tuple)):
        return list(value), None
    if isinstance(value, os.PathLike):
        return os.fspath(value), None
    if inspect.isawaitable(value):
        return NotImplemented, "await it in an `async def`"
    if isinstance(value, Iterator):
        return NotImplemented, "make a list of it"
    return NotImplemented, None
