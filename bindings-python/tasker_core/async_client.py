"""The client for an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from . import _calls
from ._calls import Call
from ._connection import Connection
from ._subscription import Progress
from .client import TaskerClient
from .documents import Document, Event, Step, Task, TaskPage
from .errors import CallError

T = TypeVar("T")


class AsyncTaskerClient:
    """Like :class:`TaskerClient`, for an event loop: every call is awaited and blocks nothing."""

    def __init__(self, url: str | None = None, *, api_key: str | None = None, environment: str | None = None) -> None:
        self._connection = Connection(url, api_key=api_key, environment=environment)

    @classmethod
    def of(cls, client: TaskerClient) -> AsyncTaskerClient:
        """An asynchronous client on the connection of a synchronous one."""
        made = cls.__new__(cls)
        made._connection = client._connection
        return made

    async def submit(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> str:
        return await self._do(_calls.submit(name, namespace, context, version, fields))

    async def create_task(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> Task:
        task_uuid = await self.submit(name, namespace=namespace, context=context, version=version, **fields)
        return await self.get_task(task_uuid)

    async def create_tasks(self, requests: Iterable[Mapping[str, Any]]) -> list[Document]:
        return await self._do(_calls.create_tasks(requests))

    async def run_task(self, name: str, *, timeout: float | None = _calls.PATIENCE, **fields: Any) -> Task:
        task_uuid = await self.submit(name, **fields)
        return await self.wait_for_task(task_uuid, timeout)

    async def wait_for_task(self, task_uuid: str, timeout: float | None = _calls.PATIENCE) -> Task:
        return await self._do(_calls.wait(task_uuid, timeout))

    async def get_task(self, task_uuid: str) -> Task:
        return await self._do(_calls.of_task("task.get", task_uuid))

    async def list_tasks(
        self,
        namespace: str | None = None,
        *,
        name: str | None = None,
        version: str | None = None,
        status: str | Iterable[str] | None = None,
        **filters: Any,
    ) -> TaskPage:
        return await self._do(
            _calls.list_tasks({"namespace": namespace, "name": name, "version": version, "status": status, **filters})
        )

    async def explain_task(self, task_uuid: str) -> Document:
        return await self._do(_calls.explain(task_uuid))

    async def get_task_tree(self, task_uuid: str) -> Document:
        return await self._do(_calls.tree(task_uuid))

    async def list_task_steps(self, task_uuid: str) -> list[Step]:
        return await self._do(_calls.list_steps(task_uuid))

    async def get_step(self, task_uuid: str, step: str) -> Step:
        return _calls.step_of(await self.list_task_steps(task_uuid), step)

    async def get_step_audit_history(self, task_uuid: str, step: str) -> list[Event]:
        found = await self.get_step(task_uuid, step)
        return [event for event in await self.get_task_history(task_uuid) if event.step == found.name]

    async def get_task_history(self, task_uuid: str, after_seq: int = 0) -> list[Event]:
        events: list[Event] = []
        after: int | None = after_seq
        while after is not None:
            page, after = await self._do(_calls.history(task_uuid, after))
            events.extend(page)
        return events

    async def cancel_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        return await self._do(_calls.of_task("task.cancel", task_uuid, by=by, reason=reason))

    async def pause_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        return await self._do(_calls.of_task("task.pause", task_uuid, by=by, reason=reason))

    async def resume_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        return await self._do(_calls.of_task("task.resume", task_uuid, by=by, reason=reason))

    async def rerun_task(
        self,
        task_uuid: str,
        from_step: str | None = None,
        *,
        context: Any = None,
        results: Mapping[str, Any] | None = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> Task:
        return await self._do(_calls.rerun(task_uuid, from_step, context, results, by, reason))

    async def retry_task(
        self, task_uuid: str, step: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> Task:
        return await self._do(_calls.of_task("task.retry", task_uuid, step=step, by=by, reason=reason))

    async def resolve_task(
        self,
        task_uuid: str,
        step: str | None = None,
        *,
        result: Any = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> Task:
        params = {"step": step, "result": result, "by": by, "reason": reason}
        return await self._do(_calls.of_task("task.resolve", task_uuid, **params))

    async def signal_task(self, task_uuid: str, signal: str, payload: Any = None, *, by: str | None = None) -> Task:
        return await self._do(_calls.of_task("task.signal", task_uuid, signal=signal, payload=payload, by=by))

    async def act_on_tasks(self, request: Mapping[str, Any]) -> Document:
        return await self._do(_calls.act(request))

    async def register_template(self, template: Any) -> list[Document]:
        return await self._do(_calls.register_template(template))

    async def load_templates(self, path: str | os.PathLike[str]) -> list[Document]:
        return await self._do(_calls.load_templates(path))

    async def list_templates(self, namespace: str | None = None, name: str | None = None) -> list[Document]:
        return await self._do(_calls.list_templates(namespace, name))

    async def get_template(self, namespace: str, name: str, version: str | None = None) -> Document:
        return await self._do(_calls.get_template(namespace, name, version))

    async def next_events(self, query: Mapping[str, Any]) -> Document:
        return await self._do(_calls.next_events(query))

    async def subscribe(
        self,
        subscription: str | None = None,
        *,
        types: Iterable[str] = (),
        namespace: str | None = None,
        name: str | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Like :meth:`TaskerClient.subscribe`: ``async for event in client.subscribe("mailer"): ...``"""
        progress = Progress(subscription, types, namespace, name, after)
        try:
            while True:
                try:
                    page = await self._do(progress.read())
                except CallError as error:
                    await asyncio.sleep(progress.pause(error))
                    continue
                progress.answered()
                for item in page["items"]:
                    yield Event(item["event"])
                    progress.done(item["cursor"])
                    await self._record(progress)
                progress.done(page["cursor"])
        finally:
            await self._record(progress, now=True)

    async def _record(self, progress: Progress, *, now: bool = False) -> None:
        call = progress.record(now=now)
        if call is not None:
            # What is not recorded comes again.
            with contextlib.suppress(CallError):
                await self._do(call)
                progress.answered()

    async def list_workers(self) -> list[Document]:
        return await self._do(_calls.list_workers())

    async def get_stats(self) -> Document:
        return await self._do(_calls.get_stats())

    async def health_check(self) -> Document:
        began = time.monotonic()
        health = await self._do(_calls.health())
        return _calls.healthy(health, time.monotonic() - began)

    async def call(self, method: str, **params: Any) -> Any:
        return await self._connection.call_async(method, params)

    async def _do(self, call: Call[T]) -> T:
        return call.read(await self._connection.call_async(call.method, call.params))

    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)

    async def __aenter__(self) -> AsyncTaskerClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
