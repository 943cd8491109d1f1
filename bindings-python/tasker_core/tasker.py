"""Everything in this process: engine, templates, worker and client, on SQLite or PostgreSQL."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ._connection import Connection
from .client import Document, Task, TaskerClient
from .registry import HandlerRegistry
from .worker import Worker


class Tasker:
    """An engine in this process. As a context manager it closes itself.

    ``url`` is ``sqlite::memory:`` (nothing is kept), ``sqlite:path`` or ``postgres://...``; the schema is brought up to date.
    The worker starts with :meth:`start_worker`, or by itself with the first :meth:`run`. ``lease`` is how many seconds leases
    are given for (30): Rust renews them while handlers run, and a step whose process vanished waits that long.
    """

    def __init__(
        self,
        url: str = "sqlite::memory:",
        *,
        registry: HandlerRegistry | None = None,
        environment: str | None = None,
        slots: int = 64,
        log: str | None = None,
        lease: float | None = None,
    ) -> None:
        self._connection = Connection(url, environment=environment, log=log, lease=lease)
        self._registry = registry
        self._slots = slots
        self._worker: Worker | None = None
        #: The client of this engine.
        self.client = TaskerClient._on(self._connection)

    def template(self, template: Any) -> list[Document]:
        """Registers a template's YAML text, or the file or folder of a path."""
        return self.client.register_template(template)

    def start_worker(self) -> Worker:
        """Starts to run steps with every handler that is registered by now. A second call answers the same worker."""
        if self._worker is None:
            self._worker = Worker(self._connection, registry=self._registry, slots=self._slots)
        return self._worker

    def run(
        self, name: str, *, namespace: str = "default", context: Any = None, timeout: float | None = 60.0, **fields: Any
    ) -> Task:
        """Submits a task, runs it, and answers it at its end. Raises ``task_not_ended`` when the seconds are over."""
        self.start_worker()
        task_uuid = self.client.submit(name, namespace=namespace, context=context, **fields)
        return self.client.wait_for_task(task_uuid, timeout)

    def close(self) -> None:
        """Stops the worker in order, and the engine."""
        self._connection.close()

    def __enter__(self) -> Tasker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


#: The name that fits the module's.
TaskerCore = Tasker
