"""The class style of handlers, and what a handler may return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .context import StepContext


class StepHandlerResult:
    """How an attempt ended, for handlers that say it rather than return a value or raise."""

    def __init__(
        self,
        *,
        is_success: bool,
        result: Any = None,
        metadata: Mapping[str, Any] | None = None,
        error_message: str | None = None,
        error_type: str | None = None,
        error_code: str | None = None,
        retryable: bool = True,
        retry_after: float | None = None,
    ) -> None:
        self.is_success = is_success
        self.result = result
        self.metadata = dict(metadata or {})
        self.error_message = error_message
        self.error_type = error_type
        self.error_code = error_code
        self.retryable = retryable
        self.retry_after = retry_after

    @classmethod
    def success(cls, result: Any = None, metadata: Mapping[str, Any] | None = None) -> StepHandlerResult:
        """The step is done. ``result`` goes to the steps after it; ``metadata`` is kept in the task's history."""
        return cls(is_success=True, result=result, metadata=metadata)

    @classmethod
    def failure(
        cls,
        message: str,
        error_type: str | None = None,
        retryable: bool = True,
        metadata: Mapping[str, Any] | None = None,
        error_code: str | None = None,
        retry_after: float | None = None,
    ) -> StepHandlerResult:
        """The attempt has failed; ``metadata`` is kept with the failure, ``retry_after`` is in seconds."""
        return cls(
            is_success=False,
            metadata=metadata,
            error_message=message,
            error_type=error_type,
            error_code=error_code,
            retryable=retryable,
            retry_after=retry_after,
        )


class StepHandler:
    """A handler that is a class: ``handler_name`` is what templates call it, ``call`` (or ``async def call``) runs it.

    One instance serves every attempt of a worker, on several threads at once: what ``call`` keeps in ``self`` is shared.
    """

    handler_name: ClassVar[str] = ""
    handler_version: ClassVar[str] = "1.0.0"

    def call(self, context: StepContext) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no call(context)")

    def success(self, result: Any = None, metadata: Mapping[str, Any] | None = None) -> StepHandlerResult:
        return StepHandlerResult.success(result, metadata)

    def failure(
        self,
        message: str,
        error_type: str | None = None,
        retryable: bool = True,
        metadata: Mapping[str, Any] | None = None,
        error_code: str | None = None,
        retry_after: float | None = None,
    ) -> StepHandlerResult:
        return StepHandlerResult.failure(message, error_type, retryable, metadata, error_code, retry_after)
