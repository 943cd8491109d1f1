"""Where a subscription goes on, whatever breaks off: the same for threads and for an event loop."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from typing import Any

from ._calls import Call
from .documents import Document
from .errors import CallError

# How long one call waits for events, and the longest between two records of what is done.
WAIT_MS = 20_000
RECORD_SECONDS = 1.0
# Between two calls after one that failed: at first, and in the end.
TRY_AGAIN_SECONDS = (0.1, 5.0)


class Progress:
    """How far a subscription has come: what to ask next, and what to record."""

    def __init__(
        self, subscription: str | None, types: Iterable[str], namespace: str | None, name: str | None, after: str | None
    ) -> None:
        filters = {"namespace": namespace, "name": name, "after": after, "subscription": subscription}
        self._query: dict[str, Any] = {field: value for field, value in filters.items() if value is not None}
        if types:
            self._query["types"] = [types] if isinstance(types, str) else list(types)
        self._is_named = subscription is not None
        self._done: str | None = None
        self._recorded: str | None = None
        self._recorded_at = time.monotonic()
        self._pause = TRY_AGAIN_SECONDS[0]

    def read(self) -> Call[Document]:
        """What comes next; it records what is done too."""
        return self._call({"wait_ms": WAIT_MS})

    def done(self, cursor: str) -> None:
        """The events up to this cursor are done."""
        self._done = cursor

    def answered(self) -> None:
        """A call was answered: what was done before it is recorded."""
        self._recorded, self._recorded_at = self._done, time.monotonic()
        self._pause = TRY_AGAIN_SECONDS[0]

    def record(self, *, now: bool = False) -> Call[Document] | None:
        """Records what is done, if it is time."""
        is_due = now or time.monotonic() - self._recorded_at >= RECORD_SECONDS
        if not self._is_named or self._done == self._recorded or not is_due:
            return None
        return self._call({"limit": 0})

    def pause(self, error: CallError) -> float:
        """Seconds to wait before the call is made again; raises what does not pass by itself."""
        if not error.is_transient:
            raise error
        pause, self._pause = self._pause, min(self._pause * 2, TRY_AGAIN_SECONDS[1])
        return pause * random.uniform(0.5, 1.0)

    def _call(self, more: dict[str, Any]) -> Call[Document]:
        query = {**self._query, **more}
        if self._done is not None:
            query["done" if self._is_named else "after"] = self._done
        return Call("event.next", query, Document)
