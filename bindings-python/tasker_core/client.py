"""What an application asks of Tasker: submit tasks, look at them, wait for them, stop them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

from . import _calls
from ._calls import Call
from ._connection import Connection
from ._subscription import Progress
from .documents import Document, Event, Step, Task, TaskPage
from .errors import CallError

__all__ = ["Document", "Event", "Step", "Task", "TaskPage", "TaskerClient", "client_create_task"]

T = TypeVar("T")


class TaskerClient:
    """A client of a database or of a server.

    ``url`` is that of a database or of a server (else ``TASKER_API_URL``, ``DATABASE_URL``, ``sqlite:tasker.db``). Every
    method raises :class:`~tasker_core.errors.CallError`. It may be used from any number of threads.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        environment: str | None = None,
        migrate: bool = True,
        log: str | None = None,
    ) -> None:
        self._connection = Connection(url, api_key=api_key, environment=environment, migrate=migrate, log=log)

    @classmethod
    def _on(cls, connection: Connection) -> TaskerClient:
        client = cls.__new__(cls)
        client._connection = connection
        return client

    def submit(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> str:
        """Stores a task, from which moment it runs, and answers its UUID. ``fields`` are those of :meth:`create_task`."""
        return self._do(_calls.submit(name, namespace, context, version, fields))

    def create_task(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> Task:
        """Stores a task, from which moment it runs. ``fields`` are ``initiator``, ``source_system``, ``reason``, ``tags``,
        ``priority``, ``correlation_id``, ``parent_correlation_id``, ``idempotency_key``, ``traceparent`` and ``tracestate``.
        """
        task_uuid = self.submit(name, namespace=namespace, context=context, version=version, **fields)
        return self.get_task(task_uuid)

    def create_tasks(self, requests: Iterable[Mapping[str, Any]]) -> list[Document]:
        """Stores up to 1,000 tasks in one transaction. Each answer has ``task_uuid`` or ``error``, in order."""
        return self._do(_calls.create_tasks(requests))

    def run_task(self, name: str, *, timeout: float | None = _calls.PATIENCE, **fields: Any) -> Task:
        """Stores a task as :meth:`create_task` does, and answers it at its end."""
        task_uuid = self.submit(name, **fields)
        return self.wait_for_task(task_uuid, timeout)

    def wait_for_task(self, task_uuid: str, timeout: float | None = _calls.PATIENCE) -> Task:
        """The task at its end; raises ``task_not_ended`` when the seconds are over. None waits without end."""
        return self._do(_calls.wait(task_uuid, timeout))

    def get_task(self, task_uuid: str) -> Task:
        """A task with its steps."""
        return self._do(_calls.of_task("task.get", task_uuid))

    def list_tasks(
        self,
        namespace: str | None = None,
        *,
        name: str | None = None,
        version: str | None = None,
        status: str | Iterable[str] | None = None,
        **filters: Any,
    ) -> TaskPage:
        """A page of tasks, newest first. ``status`` is one state or several.

        ``filters`` are ``tag``, ``correlation_id``, ``parent_correlation_id``, ``initiator``, ``source_system``,
        ``priority``, ``created_from``, ``created_before``, the same of ``updated`` and ``completed`` (a datetime, or an
        RFC 3339 text), and ``limit`` (50) and ``after``, the page's ``next``.
        """
        return self._do(
            _calls.list_tasks({"namespace": namespace, "name": name, "version": version, "status": status, **filters})
        )

    def explain_task(self, task_uuid: str) -> Document:
        """Why a task and each of its open steps stand where they stand, and what would move them."""
        return self._do(_calls.explain(task_uuid))

    def get_task_tree(self, task_uuid: str) -> Document:
        """A task and all that run for its steps, theirs too, with the states of their steps."""
        return self._do(_calls.tree(task_uuid))

    def list_task_steps(self, task_uuid: str) -> list[Step]:
        """In the order of the template."""
        return self._do(_calls.list_steps(task_uuid))

    def get_step(self, task_uuid: str, step: str) -> Step:
        """One step by its UUID or its name; raises ``step_not_found``."""
        return _calls.step_of(self.list_task_steps(task_uuid), step)

    def get_step_audit_history(self, task_uuid: str, step: str) -> list[Event]:
        """What happened to one step, by its UUID or its name."""
        found = self.get_step(task_uuid, step)
        return [event for event in self.get_task_history(task_uuid) if event.step == found.name]

    def get_task_history(self, task_uuid: str, after_seq: int = 0) -> list[Event]:
        """Everything that happened to a task after the event of this number, in order."""
        events: list[Event] = []
        after: int | None = after_seq
        while after is not None:
            page, after = self._do(_calls.history(task_uuid, after))
            events.extend(page)
        return events

    def cancel_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        """Stops a task: its open steps are cancelled at once."""
        return self._do(_calls.of_task("task.cancel", task_uuid, by=by, reason=reason))

    def pause_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        """No further step starts; attempts that run go on."""
        return self._do(_calls.of_task("task.pause", task_uuid, by=by, reason=reason))

    def resume_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        """Lets a paused task go on."""
        return self._do(_calls.of_task("task.resume", task_uuid, by=by, reason=reason))

    def rerun_task(
        self,
        task_uuid: str,
        from_step: str | None = None,
        *,
        context: Any = None,
        results: Mapping[str, Any] | None = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> Task:
        """Runs an ended task again, as a new one with the same input, which is answered.

        With ``from_step`` only that step and those behind it run; what else was done is taken over. ``context`` is then the
        input in place of the old one, ``results`` are results in place of old ones, by the names of the steps.
        """
        return self._do(_calls.rerun(task_uuid, from_step, context, results, by, reason))

    def retry_task(
        self, task_uuid: str, step: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> Task:
        """Lets the step of this name, or every failed one, run again with all its attempts anew."""
        return self._do(_calls.of_task("task.retry", task_uuid, step=step, by=by, reason=reason))

    def resolve_task(
        self,
        task_uuid: str,
        step: str | None = None,
        *,
        result: Any = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> Task:
        """Closes the step of this name, or every failed one, by hand; what waits for it goes on with ``result``."""
        params = {"step": step, "result": result, "by": by, "reason": reason}
        return self._do(_calls.of_task("task.resolve", task_uuid, **params))

    def signal_task(self, task_uuid: str, signal: str, payload: Any = None, *, by: str | None = None) -> Task:
        """Sends a signal, for the step that waits for it; it may come before the wait. ``payload`` is that step's result."""
        return self._do(_calls.of_task("task.signal", task_uuid, signal=signal, payload=payload, by=by))

    def act_on_tasks(self, request: Mapping[str, Any]) -> Document:
        """Does the same to many tasks: the body of ``POST /v1/tasks/actions``. Each has its own outcome."""
        return self._do(_calls.act(request))

    def register_template(self, template: Any) -> list[Document]:
        """Registers a template: its YAML text, a dictionary, or the file or folder of a path. The same again is no error."""
        return self._do(_calls.register_template(template))

    def load_templates(self, path: str | os.PathLike[str]) -> list[Document]:
        """Registers the template in a file, or every one in a folder."""
        return self._do(_calls.load_templates(path))

    def list_templates(self, namespace: str | None = None, name: str | None = None) -> list[Document]:
        return self._do(_calls.list_templates(namespace, name))

    def get_template(self, namespace: str, name: str, version: str | None = None) -> Document:
        """The version that is asked for, or the highest."""
        return self._do(_calls.get_template(namespace, name, version))

    def next_events(self, query: Mapping[str, Any]) -> Document:
        """Events of all tasks behind a cursor, waited for if there are none: the body of ``POST /v1/events/next``."""
        return self._do(_calls.next_events(query))

    def subscribe(
        self,
        subscription: str | None = None,
        *,
        types: Iterable[str] = (),
        namespace: str | None = None,
        name: str | None = None,
        after: str | None = None,
    ) -> Iterator[Event]:
        """Events of all tasks as they happen, without end; it goes on by itself after whatever breaks off.

        With a name it goes on where ``subscription`` is done, also in another process: an event is done when the next one is
        asked for, and one of which that is not known comes again. Without one it begins behind the cursor ``after``, or with
        what happens from now on. ``types`` are ``task.completed``, ``step.*``, or names of domain events.
        """
        progress = Progress(subscription, types, namespace, name, after)
        try:
            while True:
                try:
                    page = self._do(progress.read())
                except CallError as error:
                    time.sleep(progress.pause(error))
                    continue
                progress.answered()
                for item in page["items"]:
                    yield Event(item["event"])
                    progress.done(item["cursor"])
                    self._record(progress)
                progress.done(page["cursor"])
        finally:
            self._record(progress, now=True)

    def _record(self, progress: Progress, *, now: bool = False) -> None:
        call = progress.record(now=now)
        if call is not None:
            # What is not recorded comes again.
            with contextlib.suppress(CallError):
                self._do(call)
                progress.answered()

    def list_workers(self) -> list[Document]:
        """Workers that were heard of lately."""
        return self._do(_calls.list_workers())

    def get_stats(self) -> Document:
        """How many tasks are in each state, and how deep the queues are."""
        return self._do(_calls.get_stats())

    def health_check(self) -> Document:
        """Whether it can do its work, and how long that took in milliseconds; raises what is wrong if it cannot."""
        began = time.monotonic()
        health = self._do(_calls.health())
        return _calls.healthy(health, time.monotonic() - began)

    def call(self, method: str, **params: Any) -> Any:
        """Any operation by its name (docs/reference/host-calls.md), as plain dictionaries."""
        return self._connection.call(method, params)

    def _do(self, call: Call[T]) -> T:
        return call.read(self._connection.call(call.method, call.params))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> TaskerClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def client_create_task(request: Mapping[str, Any]) -> Task:
    """Submits one task by the settings of the environment: ``client_create_task({"name": ..., "namespace": ...})``."""
    with TaskerClient() as client:
        return client.create_task(**dict(request))
