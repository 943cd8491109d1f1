"""One attempt, from the call of its handler to its outcome."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from . import _native
from ._values import default
from .context import StepContext
from .decision import BatchConfig, Decision
from .errors import StepFailure
from .handler import StepHandlerResult

_logger = logging.getLogger("tasker_core")

#: The context of the attempt that runs at the moment, for loggers.
CURRENT: contextvars.ContextVar[StepContext | None] = contextvars.ContextVar("tasker_step", default=None)


def run(handler: Callable[[StepContext], Any], attempt: _native.Attempt) -> None:
    """Calls a handler on this thread and answers the attempt, whatever the handler does."""
    context = StepContext._of(attempt)
    token = CURRENT.set(context)
    try:
        _answer(attempt, context, handler(context))
    except BaseException as error:  # noqa: BLE001  an exit, too, is the failure of one step and not the end of the worker
        _fail(attempt, context, error)
    finally:
        CURRENT.reset(token)


async def run_async(handler: Callable[[StepContext], Any], attempt: _native.Attempt) -> None:
    """Awaits a handler and answers the attempt; when it is cancelled because nobody wants its outcome, it goes unanswered."""
    context = StepContext._of(attempt)
    CURRENT.set(context)
    try:
        _answer(attempt, context, await handler(context))
    except asyncio.CancelledError as error:
        if attempt.is_cancelled():
            attempt.abandon()
        else:
            _fail(attempt, context, error)
    except BaseException as error:  # noqa: BLE001
        _fail(attempt, context, error)


def _answer(attempt: _native.Attempt, context: StepContext, answer: Any) -> None:
    if isinstance(answer, StepHandlerResult):
        if answer.is_success:
            _succeed(attempt, context, answer.result, metadata=answer.metadata or None)
            return
        error = {
            "kind": "retryable" if answer.retryable else "permanent",
            "code": answer.error_code or answer.error_type or "handler_error",
            "message": _text(answer.error_message or ""),
            "error_type": answer.error_type,
            "retry_after_ms": _milliseconds(answer.retry_after),
            "context": answer.metadata or None,
        }
        fail(attempt, error, context._events)
    elif isinstance(answer, Decision):
        _succeed(attempt, context, answer._result, next_=answer._next)
    elif isinstance(answer, BatchConfig):
        _succeed(attempt, context, answer._result, next_=answer._next_of(None))
    else:
        _succeed(attempt, context, answer)


def _succeed(
    attempt: _native.Attempt,
    context: StepContext,
    result: Any,
    *,
    next_: Mapping[str, Any] | None = None,
    metadata: Any = None,
) -> None:
    more = _present({"next": next_, "events": context._events or None, "metadata": _kept(metadata)})
    # The result of a success is written apart, so that it may be large and is written once.
    attempt.answer(result, default, {"succeeded": {"result": None, **more}} if more else None)


def fail(attempt: _native.Attempt, error: Mapping[str, Any], events: list[dict[str, Any]]) -> None:
    """The attempt has failed with an error of the protocol; what it holds without a JSON form is left out."""
    failed = {"error": _present({**error, "context": _kept(error.get("context"))}), "events": _written(events)}
    attempt.answer(None, default, {"failed": failed})


def _fail(attempt: _native.Attempt, context: StepContext, error: BaseException) -> None:
    kind, code = _judge(error)
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    try:
        message = error.message if isinstance(error, StepFailure) else str(error)
        trace = "".join(traceback.format_exception(type(error), error, _of_handler(error)))
    except Exception:  # noqa: BLE001  the error cannot even be printed
        message, trace = name, None
    shape = {
        "kind": kind,
        "code": code,
        "message": _text(message or name),
        "error_type": name,
        "retry_after_ms": _milliseconds(getattr(error, "retry_after", None)),
        "backtrace": trace and _text(trace),
        "context": error.context if isinstance(error, StepFailure) else None,
    }
    fail(attempt, shape, context._events)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _kept(extra: Any) -> Any:
    """What is kept with an outcome; without a JSON form, the reason."""
    try:
        if extra is not None:
            _native.dumps(extra, default)
    except _native.NativeError as error:
        return {"left_out": error.args[1]}
    except Exception as error:  # noqa: BLE001  an outcome must not be lost because of what was attached to it
        return {"left_out": _text(str(error))}
    return extra


def _written(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        _native.dumps(events, default)
    except Exception:  # noqa: BLE001  as above
        return []
    return events


def _text(value: str) -> str:
    """Messages may hold what is no Unicode."""
    return value.encode("utf-8", "replace").decode()


def _judge(error: BaseException) -> tuple[str, str]:
    if isinstance(error, StepFailure):
        return "retryable" if error.retryable else "permanent", error.code
    if type(error).__name__ == "ValidationError" and type(error).__module__.startswith("pydantic"):
        return "permanent", "validation_error"
    if isinstance(error, asyncio.CancelledError):
        return "retryable", "handler_cancelled"
    if not isinstance(error, Exception):
        return "retryable", "handler_exited"
    return "retryable", "handler_error"


def _of_handler(error: BaseException) -> Any:
    """The traceback without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__ and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _milliseconds(seconds: float | None) -> int | None:
    # A text or a negative number says nothing about time.
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e12:
        return None
    return round(seconds * 1000)
