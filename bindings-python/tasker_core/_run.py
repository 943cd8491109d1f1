"""One attempt, from the call of its handler to its outcome."""

from __future__ import annotations

import asyncio
import contextvars
import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from . import _native
from ._values import default
from .context import StepContext
from .decision import BatchConfig, Decision
from .errors import StepFailure
from .handler import StepHandlerResult

#: Where this package is.
_HERE = os.path.dirname(__file__) + os.sep
#: Characters of the beginning and of the end of a text that are told.
_TEXT_MAX = 20_000

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
            "code": _text(answer.error_code or answer.error_type or "handler_error"),
            "message": _text(answer.error_message or "the handler failed"),
            "error_type": None if answer.error_type is None else _text(answer.error_type),
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
    failed = {"error": _present({**error, "context": _kept(error.get("context"))}), "events": events}
    attempt.answer(None, default, {"failed": failed})


def _fail(attempt: _native.Attempt, context: StepContext, error: BaseException) -> None:
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    try:
        shape = _shape_of(error, name)
    except Exception as fault:  # noqa: BLE001  whatever is wrong with the error, the step must hear that it has failed
        message = f"{name}, which cannot be described: {type(fault).__name__}"
        shape = {"kind": "retryable", "code": "handler_error", "message": message, "error_type": name}
    fail(attempt, shape, context._events)


def _shape_of(error: BaseException, name: str) -> dict[str, Any]:
    kind, code = _judge(error)
    trace = "".join(traceback.format_exception(type(error), error, _of_handler(error)))
    return {
        "kind": kind,
        "code": _text(code),
        "message": _text((isinstance(error, StepFailure) and error.message) or _plain(error)) or name,
        "error_type": name,
        "retry_after_ms": _milliseconds(getattr(error, "retry_after", None)),
        "backtrace": _text(trace),
        "context": error.context if isinstance(error, StepFailure) else None,
    }


def _plain(error: BaseException) -> str:
    # Without the code that our own errors show besides: it is told apart.
    return Exception.__str__(error) if isinstance(error, StepFailure) else str(error)


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


def _text(value: object) -> str:
    """Messages may hold what is no Unicode, and be of any length; what is told of them has a bound in Rust."""
    text = str(value)
    if len(text) > 2 * _TEXT_MAX:
        text = f"{text[:_TEXT_MAX]}\n... (cut) ...\n{text[-_TEXT_MAX:]}"
    return text.encode("utf-8", "replace").decode()


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
    """The traceback without the frames of this package that lead to the handler."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE) and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _milliseconds(seconds: float | None) -> int | None:
    # A text or a negative number says nothing about time.
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e12:
        return None
    return round(seconds * 1000)
