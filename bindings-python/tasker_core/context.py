"""What a handler is called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import _native
from ._values import default
from .documents import Ending
from .errors import CallError, PermanentError, RetryableError
from .models import build

_EVENTS_MAX = 100
_EVENT_BYTES_MAX = 1024 * 1024


class StepContext:
    """Which step of which task this is, its input, its configuration, and the results of the steps before it.

    A worker makes it. A test makes its own: ``StepContext(input_data={"n": 1}, dependency_results={"fetch": {...}})``.
    """

    def __init__(
        self,
        *,
        input_data: Any = None,
        dependency_results: Mapping[str, Any] | None = None,
        step_config: Any = None,
        handler_name: str = "",
        step_name: str = "",
        retry_count: int = 0,
        max_retries: int = 3,
        correlation_id: str | None = None,
        task_uuid: str = "",
        step_uuid: str = "",
        namespace: str = "",
        template_name: str = "",
        template_version: str = "",
        attempt: int = 1,
        method: str | None = None,
        batch: Mapping[str, Any] | None = None,
        last_checkpoint: Mapping[str, Any] | None = None,
        parent: Mapping[str, Any] | None = None,
        ending: Mapping[str, Any] | None = None,
        trace_context: Mapping[str, str] | None = None,
    ) -> None:
        self.handler_name = handler_name
        self.step_name = step_name
        #: Attempts before this one that ended in a failure.
        self.retry_count = retry_count
        #: Failures after which the step is not tried again.
        self.max_retries = max_retries
        self.correlation_id = correlation_id
        self.task_uuid = task_uuid
        self.step_uuid = step_uuid
        self.namespace = namespace
        self.template_name = template_name
        self.template_version = template_version
        #: Which execution of the step this is, from 1; executions whose worker was lost count too.
        self.attempt = attempt
        #: ``handler.method`` of the template, for a handler that does several things.
        self.method = method
        self._input = {} if input_data is None else input_data
        self._config = {} if step_config is None else step_config
        self._results = dict(dependency_results or {})
        self._batch = batch
        self._checkpoint = last_checkpoint
        self._parent = parent
        self._ending = _ending(ending)
        self._trace_context = dict(trace_context or {})
        self._native: _native.Attempt | None = None
        self._events: list[dict[str, Any]] = []

    @classmethod
    def _of(cls, attempt: _native.Attempt) -> StepContext:
        context = cls.__new__(cls)
        context.__dict__.update(attempt.about())
        context._native = attempt
        context._events = []
        return context

    def __getattr__(self, name: str) -> Any:
        # The values that most handlers never ask for are made when they are asked for.
        native = self.__dict__.get("_native")
        if native is not None and name in _LAZY:
            value = _LAZY[name](native)
            self.__dict__[name] = value
            return value
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def input_data(self) -> Any:
        """The task's input."""
        return self._input

    @property
    def step_config(self) -> Any:
        """``handler.initialization`` of the template."""
        return self._config

    @property
    def dependency_results(self) -> dict[str, Any]:
        """The results of every step before this one, by name; skipped steps have none."""
        return self._results

    def get_input(self, key: str) -> Any:
        """One value of the task's input; None without it."""
        return self.get_input_or(key, None)

    def get_input_or(self, key: str, default: Any) -> Any:
        """One value of the task's input; ``default`` where it is missing or null."""
        return _get(self.input_data, key, default)

    def input_as(self, model: Any) -> Any:
        """The whole input as a Pydantic model, a dataclass, or any class with keywords.

        A permanent failure ``input_invalid`` if it cannot be one.
        """
        return build(model, self.input_data, "the input", "input_invalid")

    def get_config(self, key: str, default: Any = None) -> Any:
        """One value of the handler's configuration."""
        return _get(self.step_config, key, default)

    def get_dependency_result(self, step: str, model: Any = None) -> Any:
        """The result of a step before this one, directly or not; None where there is none (it was skipped).

        A permanent failure ``dependency_invalid`` if it cannot be a ``model``.
        """
        result = self.dependency_results.get(step)
        return build(model, result, f"the result of step `{step}`", "dependency_invalid")

    def get_dependency_field(self, step: str, *path: str | int) -> Any:
        """A value within the result of a step before this one; None where the path leads nowhere."""
        value = self.dependency_results.get(step)
        for part in path:
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list) and isinstance(part, int) and -len(value) <= part < len(value):
                value = value[part]
            else:
                return None
        return value

    def get_all_dependency_results(self, prefix: str = "") -> list[Any]:
        """The results of the steps before this one whose names begin with ``prefix``, in the order of their names.

        A step that ran in parts gives the results of its parts.
        """
        found: list[Any] = []
        for name in sorted(self.dependency_results):
            if name.startswith(prefix):
                found.append(self.dependency_results[name])
        return found

    def is_retry(self) -> bool:
        return self.retry_count > 0

    def is_last_retry(self) -> bool:
        """Whether the step is not tried again should this attempt fail."""
        return self.retry_count + 1 >= self.max_retries

    @property
    def batch(self) -> Mapping[str, Any] | None:
        """Which part of a batch this is: ``{"index", "of", "work"}``; None outside of one."""
        return self._batch

    @property
    def parent(self) -> Mapping[str, Any] | None:
        """In a sub-workflow: the task and the step that wait for its end."""
        return self._parent

    @property
    def ending(self) -> Ending | None:
        """In a compensation and in a step of ``finally``: how the task ends, and why; None in other steps."""
        return self._ending

    @property
    def trace_context(self) -> dict[str, str]:
        """The trace that the task belongs to, as headers to go on with: ``traceparent`` and perhaps ``tracestate``.

        Empty without one. It is what ``opentelemetry.propagate.extract`` takes.
        """
        return self._trace_context

    def has_checkpoint(self) -> bool:
        """Whether an earlier attempt has stored how far it came."""
        return self._checkpoint is not None

    @property
    def checkpoint_cursor(self) -> Any:
        """Where to go on from; None without a checkpoint."""
        return self._checkpoint["cursor"] if self._checkpoint is not None else None

    @property
    def checkpoint_items_processed(self) -> int:
        return self._checkpoint.get("items_processed", 0) if self._checkpoint is not None else 0

    @property
    def accumulated_results(self) -> Any:
        """What earlier attempts have gathered; None if there is nothing."""
        return self._checkpoint.get("accumulated_results") if self._checkpoint is not None else None

    def checkpoint(self, cursor: Any, accumulated_results: Any = None, items_processed: int = 0) -> None:
        """Stores where the step stands. When it returns, an attempt that follows a crash goes on from there.

        Raises a retryable ``lease_lost`` when the outcome is no longer wanted, and ``checkpoint_failed`` when it could not be
        stored. In an ``async def`` handler call it as ``await asyncio.to_thread(context.checkpoint, ...)``.
        """
        checkpoint = {
            "cursor": cursor,
            "accumulated_results": accumulated_results,
            "items_processed": items_processed,
        }
        if self._native is not None:
            try:
                self._native.checkpoint(checkpoint, default)
            except _native.NativeError as native:
                error = CallError.of(native)
                kind = RetryableError if error.is_transient else PermanentError
                raise kind(error.message, error_code=error.code) from native
        self._checkpoint = checkpoint

    def heartbeat(self, progress: Any = None) -> bool:
        """Says that the handler is alive, and perhaps how far it has come. False when its outcome is no longer wanted.

        Leases are extended without it too.
        """
        return self._native is None or self._native.heartbeat(progress, default)

    def is_cancelled(self) -> bool:
        """Whether the outcome is no longer wanted: the task was cancelled, the attempt ran out of time, or the worker stops.

        An ``async def`` handler is cancelled at its next ``await`` then.
        """
        return self._native is not None and self._native.is_cancelled()

    def publish(self, name: str, payload: Any = None) -> None:
        """Publishes an event together with the outcome; ``publishes_events`` of the step has to name it.

        A permanent failure ``event_invalid`` where the payload has no JSON form, is over 1 MiB, or is the 101st.
        """
        if len(self._events) >= _EVENTS_MAX:
            raise _event_invalid(name, f"{_EVENTS_MAX} events were published before it, which is the limit")
        try:
            text = _native.dumps({} if payload is None else payload, default)
        except _native.NativeError as fault:
            raise _event_invalid(name, fault.args[1]) from None
        if len(text.encode()) > _EVENT_BYTES_MAX:
            raise _event_invalid(name, f"its payload has more than {_EVENT_BYTES_MAX} bytes, which is the limit")
        # As it is now: the handler may go on to change it.
        self._events.append({"name": name, "payload": _native.loads(text)})

    def __repr__(self) -> str:
        return f"StepContext(step_name={self.step_name!r}, task_uuid={self.task_uuid!r}, attempt={self.attempt})"


def _ending(value: Any) -> Ending | None:
    return None if value is None else Ending(value)


def _or_empty(value: Any) -> Any:
    return {} if value is None else value


_LAZY: dict[str, Callable[[_native.Attempt], Any]] = {
    "_input": lambda native: native.part("input"),
    "_config": lambda native: _or_empty(native.part("config")),
    "_results": lambda native: native.results(),
    "_batch": lambda native: native.part("batch"),
    "_checkpoint": lambda native: native.part("checkpoint"),
    "_parent": lambda native: native.part("parent"),
    "_ending": lambda native: _ending(native.part("ending")),
    "_trace_context": lambda native: _or_empty(native.part("trace_context")),
}


def _get(container: Any, key: str, default: Any) -> Any:
    if not isinstance(container, dict):
        return default
    value = container.get(key)
    return default if value is None else value


def _event_invalid(name: str, reason: str) -> PermanentError:
    return PermanentError(f"event `{name}`: {reason}", error_code="event_invalid")
