"""What an application asks of Tasker: submit tasks, look at them, wait for them, stop them."""

from __future__ import annotations

import datetime
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any

from ._connection import Connection


class Document(dict[str, Any]):
    """A document as Tasker gives it: keys are attributes too, and one that is left out is None."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name in _fields(type(self)):
            return None
        raise AttributeError(f"{type(self).__name__} has no {name!r}")


class Step(Document):
    """One step of one task."""

    step_uuid: str
    task_uuid: str
    name: str
    current_state: str
    handler: str
    dependencies: list[str]
    attempts: int
    max_attempts: int
    failures: int
    losses: int
    results: Any
    error: dict[str, Any] | None
    next_retry_at: str | None
    started_at: str | None
    completed_at: str | None


class Task(Document):
    """One run of a template."""

    task_uuid: str
    name: str
    namespace: str
    version: str
    status: str
    context: Any
    initiator: str | None
    source_system: str | None
    reason: str | None
    priority: int
    tags: list[str]
    correlation_id: str | None
    created_at: str
    updated_at: str
    completed_at: str | None
    error: dict[str, Any] | None
    total_steps: int
    pending_steps: int
    in_progress_steps: int
    completed_steps: int
    failed_steps: int
    ready_steps: int | None
    completion_percentage: float

    @property
    def steps(self) -> list[Step]:
        """In the order of the template; empty in lists of tasks."""
        return [Step(step) for step in self.get("steps") or []]

    @property
    def results(self) -> dict[str, Any]:
        """What the steps returned, by their names."""
        return {step.name: step.results for step in self.steps if "results" in step}


class Event(Document):
    """Something that happened to a task or to one of its steps."""

    task_uuid: str
    seq: int
    at: str
    type: str
    step: str | None
    attempt: int | None
    error: dict[str, Any] | None


class TaskPage(list[Task]):
    """Tasks, newest first; ``next`` is what ``after`` takes to go on, and None at the end."""

    next: str | None = None


#: Seconds to wait for a task's end if nothing is said.
_PATIENCE = 60.0


class _Requests:
    """The parameters of the calls, for both clients."""

    @staticmethod
    def submission(
        name: str,
        namespace: str,
        context: Any,
        version: str | None,
        fields: Mapping[str, Any],
    ) -> dict[str, Any]:
        unknown = set(fields) - _SUBMISSION_FIELDS
        if unknown:
            raise TypeError(
                f"create_task has no {sorted(unknown)[0]!r}; it takes {', '.join(sorted(_SUBMISSION_FIELDS))}"
            )
        given = {field: value for field, value in fields.items() if value is not None}
        return {
            "name": name,
            "namespace": namespace,
            "context": {} if context is None else context,
            **({} if version is None else {"version": version}),
            **given,
        }

    @staticmethod
    def listing(fields: Mapping[str, Any]) -> dict[str, Any]:
        status = fields.get("status")
        if status is not None and not isinstance(status, str):
            return {**fields, "status": ",".join(status)}
        return dict(fields)

    @staticmethod
    def source(template: Any) -> tuple[str, dict[str, Any]]:
        text = str(template)
        if isinstance(template, str) and ("\n" in text or ":" in text.replace(":\\", "")):
            return "template.put", {"yaml": text}
        return "template.load", {"path": text}


_SUBMISSION_FIELDS = {
    "initiator",
    "source_system",
    "reason",
    "tags",
    "priority",
    "correlation_id",
    "parent_correlation_id",
    "idempotency_key",
}


#: Seconds that a subscription listens before it says that nothing happened.
_LISTEN = 20.0


class _Following:
    """Where a subscription stands, as the query of the next call."""

    def __init__(
        self,
        subscription: str | None,
        types: Iterable[str],
        namespace: str | None,
        name: str | None,
        after: str | None,
        wait: float,
    ) -> None:
        given = {"subscription": subscription, "namespace": namespace, "name": name, "after": after}
        self.query: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
        self.query.update(types=list(types), wait_ms=round(wait * 1000))
        self._mark = "after" if subscription is None else "done"

    def pass_by(self, cursor: str) -> None:
        self.query[self._mark] = cursor

    @property
    def last_words(self) -> dict[str, Any] | None:
        """What records how far the subscription has come, and reads nothing; None where there is nothing to record."""
        return {**self.query, "limit": 0, "wait_ms": 0} if "done" in self.query else None


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

    def register_template(self, template: Any) -> list[Document]:
        """Registers a template's YAML text, or the file or folder of a path. The same content again is no error."""
        answer = self._connection.call(*_Requests.source(template))
        return [Document(one) for one in (answer if isinstance(answer, list) else [answer])]

    def list_templates(self, namespace: str | None = None, name: str | None = None) -> list[Document]:
        found = self._connection.call("template.list", {"namespace": namespace, "name": name})
        return [Document(one) for one in found]

    def get_template(self, namespace: str, name: str, version: str | None = None) -> Document:
        params = {"namespace": namespace, "name": name, "version": version}
        return Document(self._connection.call("template.get", params))

    def submit(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> str:
        """Stores a task, from which moment it runs, and answers its UUID. ``fields`` are those of :meth:`create_task`."""
        request = _Requests.submission(name, namespace, context, version, fields)
        return str(self._connection.call("task.submit", request)["task_uuid"])

    def submit_many(self, requests: Iterable[Mapping[str, Any]]) -> list[Document]:
        """Stores up to 1,000 tasks in one transaction. Each answer has ``task_uuid`` or ``error``, in order."""
        answer = self._connection.call("task.submit_many", {"tasks": [dict(request) for request in requests]})
        return [Document(item) for item in answer["items"]]

    def create_task(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> Task:
        """Stores a task, from which moment it runs. ``fields`` are ``initiator``, ``source_system``, ``reason``, ``tags``,
        ``priority``, ``correlation_id``, ``parent_correlation_id`` and ``idempotency_key``.
        """
        return self.get_task(self.submit(name, namespace=namespace, context=context, version=version, **fields))

    def get_task(self, task_uuid: str) -> Task:
        """A task with its steps."""
        return Task(self._connection.call("task.get", {"task_uuid": str(task_uuid)}))

    def wait_for_task(self, task_uuid: str, timeout: float = _PATIENCE) -> Task:
        """The task at its end; raises ``task_not_ended`` when the seconds are over."""
        params = {"task_uuid": str(task_uuid), "timeout_ms": round(timeout * 1000)}
        return Task(self._connection.call("task.wait", params))

    def list_tasks(
        self,
        namespace: str | None = None,
        *,
        name: str | None = None,
        version: str | None = None,
        status: str | Iterable[str] | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> TaskPage:
        fields = {"namespace": namespace, "name": name, "version": version, "status": status, "after": after}
        return _page(self._connection.call("task.list", _Requests.listing({**fields, "limit": limit})))

    def cancel_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        params = {"task_uuid": str(task_uuid), "by": by, "reason": reason}
        return Task(self._connection.call("task.cancel", params))

    def pause_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        """No further step starts; attempts that run go on."""
        return Task(self._connection.call("task.pause", _operation(task_uuid, by, reason)))

    def resume_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        return Task(self._connection.call("task.resume", _operation(task_uuid, by, reason)))

    def rerun_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        """Runs an ended task again, as a new one with the same input, which is answered."""
        return Task(self._connection.call("task.rerun", _operation(task_uuid, by, reason)))

    def retry_step(
        self, task_uuid: str, step: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> Task:
        """Lets the step of this name, or every failed one, run again with all its attempts anew."""
        return Task(self._connection.call("task.retry", {**_operation(task_uuid, by, reason), "step": step}))

    def resolve_step(
        self,
        task_uuid: str,
        step: str | None = None,
        *,
        result: Any = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> Task:
        """Closes the step of this name, or every failed one, by hand; what waits for it goes on with ``result``."""
        params = {**_operation(task_uuid, by, reason), "step": step, "result": result}
        return Task(self._connection.call("task.resolve", params))

    def why(self, task_uuid: str) -> Document:
        """Why a task and each of its open steps stand where they stand, and what would move them."""
        return Document(self._connection.call("task.why", {"task_uuid": str(task_uuid)}))

    def list_workers(self) -> list[Document]:
        """Workers that were heard of lately."""
        return [Document(worker) for worker in self._connection.call("worker.list", {})]

    def list_task_steps(self, task_uuid: str) -> list[Step]:
        return [Step(step) for step in self._connection.call("task.steps", {"task_uuid": str(task_uuid)})]

    def get_step(self, task_uuid: str, step: str) -> Step:
        """One step by its UUID or its name; raises ``step_not_found``."""
        return _step(self.list_task_steps(task_uuid), step)

    def get_step_audit_history(self, task_uuid: str, step: str) -> list[Event]:
        """What happened to one step, by its UUID or its name."""
        found = self.get_step(task_uuid, step)
        return [event for event in self.get_task_history(task_uuid) if event.step == found.name]

    def get_task_history(self, task_uuid: str, after_seq: int = 0) -> list[Event]:
        """Everything that happened to a task after the event of this number, in order."""
        events: list[Event] = []
        params: dict[str, Any] = {"task_uuid": str(task_uuid), "after_seq": after_seq}
        while True:
            page = self._connection.call("task.history", params)
            events.extend(Event(event) for event in page["items"])
            if not page.get("next"):
                return events
            params["after_seq"] = int(page["next"])

    def subscribe(
        self,
        subscription: str | None = None,
        *,
        types: Iterable[str] = (),
        namespace: str | None = None,
        name: str | None = None,
        after: str | None = None,
        wait: float = _LISTEN,
    ) -> Generator[Event | None, None, None]:
        """What happens to all tasks, as it happens, in the order of the log.

        ``subscription`` is a name under which Tasker remembers what is done: an event is, when the loop comes back for the next
        one, and until then it comes again to whoever goes on under the name. A new name begins at the end of the log, or behind
        the cursor ``after`` (``"start"`` for the beginning of the log). ``types`` are ``task.completed``, ``step.*``, or names
        of domain events; ``name`` is that of the template. Where nothing happened for ``wait`` seconds, the event is None.
        """
        following = _Following(subscription, types, namespace, name, after, wait)
        try:
            while True:
                page = self._connection.call("event.next", following.query)
                for item in page["items"]:
                    yield Event(item["event"])
                    following.pass_by(item["cursor"])
                if not page["items"]:
                    yield None
                following.pass_by(page["cursor"])
        finally:
            if following.last_words:
                self._connection.call("event.next", following.last_words)

    def call(self, method: str, **params: Any) -> Any:
        """Any operation by its name (docs/reference/host-calls.md), as plain dictionaries."""
        return self._connection.call(method, params)

    def health_check(self) -> Document:
        """Whether it answers, and how long that took in milliseconds; raises ``database_unavailable`` if it does not."""
        began = datetime.datetime.now()
        self._connection.call("task.list", {"limit": 1})
        taken = datetime.datetime.now() - began
        return Document({"healthy": True, "latency_ms": taken.total_seconds() * 1000})

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> TaskerClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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

    async def register_template(self, template: Any) -> list[Document]:
        answer = await self._connection.call_async(*_Requests.source(template))
        return [Document(one) for one in (answer if isinstance(answer, list) else [answer])]

    async def submit(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> str:
        request = _Requests.submission(name, namespace, context, version, fields)
        return str((await self._connection.call_async("task.submit", request))["task_uuid"])

    async def create_task(
        self, name: str, *, namespace: str = "default", context: Any = None, version: str | None = None, **fields: Any
    ) -> Task:
        uuid = await self.submit(name, namespace=namespace, context=context, version=version, **fields)
        return await self.get_task(uuid)

    async def get_task(self, task_uuid: str) -> Task:
        return Task(await self._connection.call_async("task.get", {"task_uuid": str(task_uuid)}))

    async def wait_for_task(self, task_uuid: str, timeout: float = _PATIENCE) -> Task:
        params = {"task_uuid": str(task_uuid), "timeout_ms": round(timeout * 1000)}
        return Task(await self._connection.call_async("task.wait", params))

    async def list_tasks(self, namespace: str | None = None, **fields: Any) -> TaskPage:
        request = _Requests.listing({"namespace": namespace, **fields})
        return _page(await self._connection.call_async("task.list", request))

    async def cancel_task(self, task_uuid: str, *, by: str | None = None, reason: str | None = None) -> Task:
        params = {"task_uuid": str(task_uuid), "by": by, "reason": reason}
        return Task(await self._connection.call_async("task.cancel", params))

    async def list_task_steps(self, task_uuid: str) -> list[Step]:
        steps = await self._connection.call_async("task.steps", {"task_uuid": str(task_uuid)})
        return [Step(step) for step in steps]

    async def get_step(self, task_uuid: str, step: str) -> Step:
        return _step(await self.list_task_steps(task_uuid), step)

    async def subscribe(
        self,
        subscription: str | None = None,
        *,
        types: Iterable[str] = (),
        namespace: str | None = None,
        name: str | None = None,
        after: str | None = None,
        wait: float = _LISTEN,
    ) -> AsyncGenerator[Event | None, None]:
        """As :meth:`TaskerClient.subscribe`, with ``async for``."""
        following = _Following(subscription, types, namespace, name, after, wait)
        try:
            while True:
                page = await self._connection.call_async("event.next", following.query)
                for item in page["items"]:
                    yield Event(item["event"])
                    following.pass_by(item["cursor"])
                if not page["items"]:
                    yield None
                following.pass_by(page["cursor"])
        finally:
            if following.last_words:
                await self._connection.call_async("event.next", following.last_words)

    async def call(self, method: str, **params: Any) -> Any:
        return await self._connection.call_async(method, params)

    async def close(self) -> None:
        import asyncio

        await asyncio.to_thread(self._connection.close)

    async def __aenter__(self) -> AsyncTaskerClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _operation(task_uuid: str, by: str | None, reason: str | None) -> dict[str, Any]:
    return {"task_uuid": str(task_uuid), "by": by, "reason": reason}


def client_create_task(request: Mapping[str, Any]) -> Task:
    """Submits one task by the settings of the environment: ``client_create_task({"name": ..., "namespace": ...})``."""
    with TaskerClient() as client:
        return client.create_task(**dict(request))


def _fields(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}


def _page(answer: Mapping[str, Any]) -> TaskPage:
    page = TaskPage(Task(item) for item in answer["items"])
    page.next = answer.get("next")
    return page


def _step(steps: list[Step], wanted: str) -> Step:
    for step in steps:
        if str(wanted) in (step.step_uuid, step.name):
            return step
    from .errors import CallError

    names = ", ".join(step.name for step in steps)
    raise CallError(f"the task has no step {wanted!r}; it has {names}", code="step_not_found")
