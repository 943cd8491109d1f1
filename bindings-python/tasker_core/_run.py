"""One attempt, from the call of its handler to its outcome."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._values import default
from .context import StepContext
from .decision import BatchConfig, Decision
from .errors import StepFailure
from .handler import StepHandlerResult

if TYPE_CHECKING:
    from . import _native

_logger = logging.getLogger("tasker_core")

#: The context of the attempt that runs at the moment, for loggers.
CURRENT: contextvars.ContextVar[StepContext | None] = contextvars.ContextVar("tasker_step", default=None)


def run(handler: Callable[[StepContext], Any], attempt: _native.Attempt, worker: _native.Worker) -> None:
    """Calls a handler on this thread and answers the attempt, whatever the handler does."""
    context = StepContext._of(attempt, worker)
    token = CURRENT.set(context)
    try:
        _answer(attempt, context, handler(context))
    except BaseException as error:  # noqa: BLE001  an exit, too, is the failure of one step and not the end of the worker
        _fail(attempt, context, error)
    finally:
        CURRENT.reset(token)


async def run_async(handler: Callable[[StepContext], Any], attempt: _native.Attempt, worker: _native.Worker) -> None:
    """Awaits a handler and answers the attempt; when it is cancelled because nobody wants its outcome, it goes unanswered."""
    context = StepContext._of(attempt, worker)
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
    events = context._events
    if isinstance(answer, StepHandlerResult):
        if answer.is_success:
            attempt.succeed(answer.result, default, None, events, answer.metadata or None)
        else:
            attempt.fail(
                "retryable" if answer.retryable else "permanent",
                answer.error_code or answer.error_type or "handler_error",
                answer.error_message or "",
                default,
                error_type=answer.error_type,
                retry_after_ms=_milliseconds(answer.retry_after),
                context=answer.metadata or None,
                events=events,
            )
    elif isinstance(answer, Decision):
        attempt.succeed(answer._result, default, answer._next, events)
    elif isinstance(answer, BatchConfig):
        attempt.succeed(answer._result, default, answer._next_of(None), events)
    else:
        attempt.succeed(answer, default, None, events)


def _fail(attempt: _native.Attempt, context: StepContext, error: BaseException) -> None:
    kind, code = _judge(error)
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    try:
        message = error.message if isinstance(error, StepFailure) else str(error)
        trace = "".join(traceback.format_exception(type(error), error, _of_handler(error)))
    except Exception:  # noqa: BLE001  the error cannot even be printed
        message, trace = name, None
    attempt.fail(
        kind,
        code,
        message or name,
        default,
        error_type=name,
        retry_after_ms=_milliseconds(getattr(error, "retry_after", None)),
        backtrace=trace,
        context=getattr(error, "context", None) if isinstance(error, StepFailure) else None,
        events=context._events,
    )


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
