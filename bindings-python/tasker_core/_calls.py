"""The calls of both clients: what each sends, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from . import _native
from ._values import default
from .documents import Document, Event, Step, Task, TaskPage
from .errors import CallError

T = TypeVar("T")

#: Seconds to wait for a task's end if nothing is said.
PATIENCE = 60.0
_LONGEST = 365 * 24 * 3600.0

_SUBMISSION_FIELDS = {
    "initiator",
    "source_system",
    "reason",
    "tags",
    "priority",
    "correlation_id",
    "parent_correlation_id",
    "idempotency_key",
    "traceparent",
    "tracestate",
}


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call by its name (docs/reference/host-calls.md)."""

    method: str
    params: dict[str, Any]
    read: Callable[[Any], T]


def submit(name: str, namespace: str, context: Any, version: str | None, fields: Mapping[str, Any]) -> Call[str]:
    unknown = set(fields) - _SUBMISSION_FIELDS
    if unknown:
        raise TypeError(f"create_task has no {sorted(unknown)[0]!r}; it takes {', '.join(sorted(_SUBMISSION_FIELDS))}")
    request = {
        "name": name,
        "namespace": namespace,
        "context": {} if context is None else context,
        **({} if version is None else {"version": version}),
        **{field: value for field, value in fields.items() if value is not None},
    }
    return Call("task.submit", request, lambda answer: str(answer["task_uuid"]))


def create_tasks(requests: Iterable[Mapping[str, Any]]) -> Call[list[Document]]:
    tasks = [{"namespace": "default", **request} for request in requests]
    return Call("task.submit_many", {"tasks": tasks}, lambda answer: _documents(answer["items"]))


def of_task(method: str, task_uuid: str, **params: Any) -> Call[Task]:
    return Call(method, {"task_uuid": str(task_uuid), **params}, Task)


def wait(task_uuid: str, timeout: float | None) -> Call[Task]:
    # A wait without end is one of a year: the longest that every part takes.
    seconds = _LONGEST if timeout is None else min(max(timeout, 0.0), _LONGEST)
    return of_task("task.wait", task_uuid, timeout_ms=round(seconds * 1000))


def list_tasks(filters: Mapping[str, Any]) -> Call[TaskPage]:
    status = filters.get("status")
    if status is not None and not isinstance(status, str):
        status = ",".join(status)
    return Call("task.list", {**filters, "status": status}, _page)


def rerun(
    task_uuid: str,
    from_step: str | None,
    context: Any,
    results: Mapping[str, Any] | None,
    by: str | None,
    reason: str | None,
) -> Call[Task]:
    params = {"from": from_step, "context": context, "results": results, "by": by, "reason": reason}
    return of_task("task.rerun", task_uuid, **params)


def list_steps(task_uuid: str) -> Call[list[Step]]:
    return Call("task.steps", {"task_uuid": str(task_uuid)}, lambda answer: [Step(step) for step in answer])


def history(task_uuid: str, after_seq: int) -> Call[tuple[list[Event], int | None]]:
    """A page of events, and the number to go on behind; none at the end."""

    def read(page: Any) -> tuple[list[Event], int | None]:
        events = [Event(event) for event in page["items"]]
        return events, int(page["next"]) if page.get("next") else None

    return Call("task.history", {"task_uuid": str(task_uuid), "after_seq": after_seq}, read)


def explain(task_uuid: str) -> Call[Document]:
    return Call("task.why", {"task_uuid": str(task_uuid)}, Document)


def tree(task_uuid: str) -> Call[Document]:
    return Call("task.tree", {"task_uuid": str(task_uuid)}, Document)


def act(request: Mapping[str, Any]) -> Call[Document]:
    return Call("task.act", dict(request), Document)


def next_events(query: Mapping[str, Any]) -> Call[Document]:
    return Call("event.next", dict(query), Document)


def register_template(template: Any) -> Call[list[Document]]:
    if isinstance(template, Mapping):
        return Call("template.put", {"yaml": _native.dumps(template, default)}, lambda answer: [Document(answer)])
    text = str(template)
    if isinstance(template, str) and ("\n" in text or ":" in text.replace(":\\", "")):
        return Call("template.put", {"yaml": text}, lambda answer: [Document(answer)])
    return load_templates(text)


def load_templates(path: Any) -> Call[list[Document]]:
    return Call("template.load", {"path": str(path)}, _documents)


def list_templates(namespace: str | None, name: str | None) -> Call[list[Document]]:
    return Call("template.list", {"namespace": namespace, "name": name}, _documents)


def get_template(namespace: str, name: str, version: str | None) -> Call[Document]:
    return Call("template.get", {"namespace": namespace, "name": name, "version": version}, Document)


def list_workers() -> Call[list[Document]]:
    return Call("worker.list", {}, _documents)


def get_stats() -> Call[Document]:
    return Call("stats.get", {}, Document)


def health() -> Call[Document]:
    return Call("health.get", {}, Document)


def healthy(health: Document, seconds: float) -> Document:
    return Document({"healthy": True, "version": health["version"], "latency_ms": seconds * 1000})


def step_of(steps: list[Step], wanted: str) -> Step:
    """The step of that UUID or name."""
    for step in steps:
        if str(wanted) in (step.step_uuid, step.name):
            return step
    names = ", ".join(step.name for step in steps)
    raise CallError(f"the task has no step {wanted!r}; it has {names}", code="step_not_found")


def _documents(answer: Iterable[Mapping[str, Any]]) -> list[Document]:
    return [Document(one) for one in answer]


def _page(answer: Mapping[str, Any]) -> TaskPage:
    page = TaskPage(Task(item) for item in answer["items"])
    page.next = answer.get("next")
    return page
