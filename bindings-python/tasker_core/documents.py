"""What Tasker answers: documents whose keys are attributes."""

from __future__ import annotations

from typing import Any


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
    #: The place among the steps of its task, from 0.
    step_idx: int
    name: str
    current_state: str
    handler: str
    queue: str
    dependencies: list[str] | None
    #: When it runs, if not with the others: ``compensation`` or ``finally``.
    phase: str | None
    #: The step that it undoes.
    compensates: str | None
    attempts: int
    max_attempts: int
    failures: int
    losses: int
    results: Any
    error: dict[str, Any] | None
    next_retry_at: str | None
    due_at: str | None
    #: What it waits for.
    signal: str | None
    #: The task that runs for it.
    child_uuid: str | None
    #: Names of the steps that decided against it.
    left_out_by: list[str] | None
    #: How many of its parts are in which state.
    parts: dict[str, int] | None
    part: int | None
    worker_id: str | None
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
    parent_correlation_id: str | None
    idempotency_key: str | None
    traceparent: str | None
    tracestate: str | None
    #: The task that this one runs again.
    rerun_of: str | None
    #: The step of another task that this one runs for, and the task above all.
    parent: dict[str, str] | None
    root_uuid: str | None
    #: How it ends, while something is yet to be done before that.
    ending: dict[str, Any] | None
    environment: str | None
    created_at: str
    updated_at: str
    completed_at: str | None
    deadline_at: str | None
    error: dict[str, Any] | None
    total_steps: int
    pending_steps: int
    in_progress_steps: int
    completed_steps: int
    failed_steps: int
    ready_steps: int | None
    completion_percentage: float
    #: The number of its last event.
    last_seq: int

    @property
    def steps(self) -> list[Step]:
        """In the order of the template; empty in lists of tasks."""
        return [Step(step) for step in self.get("steps") or []]

    @property
    def results(self) -> dict[str, Any]:
        """What the steps returned, by their names."""
        return {step.name: step.results for step in self.steps if "results" in step}


class Ending(Document):
    """How a task ends: ``complete``, ``error`` or ``cancelled``, and why."""

    status: str
    #: What it failed with.
    error: dict[str, Any] | None
    #: Who cancelled it, and why.
    by: str | None
    reason: str | None


class Event(Document):
    """Something that happened to a task or to one of its steps."""

    task_uuid: str
    seq: int
    at: str
    #: What happened: ``task.created``, ``step.completed``, ...
    type: str
    #: The task's template.
    namespace: str
    name: str
    version: str
    step: str | None
    step_idx: int | None
    step_uuid: str | None
    attempt: int | None
    worker_id: str | None
    error: dict[str, Any] | None
    due_at: str | None
    #: The operator who did it, and why.
    by: str | None
    reason: str | None
    #: What else the event says.
    details: dict[str, Any] | None


class TaskPage(list[Task]):
    """Tasks, newest first; ``next`` is what ``after`` takes to go on, and None at the end."""

    next: str | None = None


def _fields(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
