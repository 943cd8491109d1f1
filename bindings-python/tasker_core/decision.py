"""What decisions and batchable steps answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Decision:
    """Which of the steps that depend on a decision run. Made by :meth:`route` or :meth:`skip`."""

    def __init__(self, next_: Mapping[str, Any], result: Any) -> None:
        self._next = dict(next_)
        self._result = result

    @classmethod
    def route(cls, steps: str | Iterable[str], routing_context: Mapping[str, Any] | None = None) -> Decision:
        """These dependents run; the others are skipped. ``routing_context`` becomes part of the step's result."""
        names = [steps] if isinstance(steps, str) else list(steps)
        return cls({"route": {"steps": names}}, {"route": names, **(routing_context or {})})

    @classmethod
    def skip(cls, reason: str, routing_context: Mapping[str, Any] | None = None) -> Decision:
        """None of the dependents runs. ``routing_context`` becomes part of the step's result."""
        return cls({"skip": {"reason": reason}}, {"skipped": reason, **(routing_context or {})})


class BatchConfig:
    """Into which parts a batchable step splits its work: by size, by ranges, or one part for each item.

    ``BatchConfig(total_items=1000, batch_size=100)``, ``BatchConfig(ranges=[(0, 10), (10, 25)])`` or
    ``BatchConfig(items=[...])``. ``failure_strategy`` is ``continue_on_failure``, ``fail_fast`` or ``isolate``.
    """

    def __init__(
        self,
        *,
        total_items: int | None = None,
        batch_size: int | None = None,
        ranges: Iterable[tuple[int, int]] | None = None,
        items: Iterable[Any] | None = None,
        worker: str | None = None,
        parallelism: int | None = None,
        failure_strategy: str | None = None,
        result: Any = None,
    ) -> None:
        ways = [total_items is not None, ranges is not None, items is not None]
        if sum(ways) != 1:
            raise TypeError("BatchConfig takes one of total_items (with batch_size), ranges and items")
        if total_items is not None and batch_size is None:
            raise TypeError("BatchConfig(total_items=...) needs a batch_size too")
        if ranges is not None:
            batches: dict[str, Any] = {"ranges": [{"start": start, "end": end} for start, end in ranges]}
        elif items is not None:
            batches = {"items": list(items)}
        else:
            batches = {"split": {"total_items": total_items, "batch_size": batch_size}}
        self.worker = worker
        self._config = {"batches": batches, "parallelism": parallelism, "failure_strategy": failure_strategy}
        self._result = result

    def _next_of(self, worker: str | None) -> dict[str, Any]:
        config = {**self._config, "worker": self.worker or worker}
        return {"batches": {name: value for name, value in config.items() if value is not None}}
