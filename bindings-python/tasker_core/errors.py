"""What handlers raise to say how a step has failed, and what calls of the client raise."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Mapping
from typing import Any


class TaskerError(Exception):
    """Every error of this package.

    ``code`` is a stable word to branch on; ``is_transient`` says whether the same may succeed later; ``remedy`` says what to
    do about it; ``faults`` lists the places that are wrong, where there are several.
    """

    # Those of the class count where a subclass does not call this class's __init__.
    message: str = ""
    code: str = "tasker_error"
    is_transient: bool = False
    remedy: str | None = None
    faults: list[dict[str, Any]]

    def __init__(self, message: object = "", *, code: object = None) -> None:
        super().__init__(message)
        # An exception is often handed on as the message.
        self.message = str(message)
        self.faults = []
        if code is not None and code != "":
            self.code = str(code.value if isinstance(code, enum.Enum) else code)

    def __str__(self) -> str:
        return (
            f"{self.message} [{self.code}]" if self.remedy is None else f"{self.message} [{self.code}]: {self.remedy}"
        )


class CallError(TaskerError):
    """A call of the client, or the start of a worker, was refused or could not be done."""

    @classmethod
    def of(cls, native: BaseException) -> CallError:
        """The error that the native part raised."""
        code, message, is_transient, remedy, faults = native.args
        error = cls(message, code=code)
        error.is_transient = is_transient
        error.remedy = remedy
        error.faults = json.loads(faults) or []
        return error


class StepFailure(TaskerError):
    """A failure of a step, as its handler raises it; see :class:`RetryableError` and :class:`PermanentError`."""

    retryable: bool = True
    code = "handler_error"
    context: dict[str, Any] | None = None

    def __init__(
        self,
        message: object = "",
        *,
        error_code: object = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=error_code)
        self.context = dict(context) if context is not None else None

    @property
    def error_code(self) -> str:
        return self.code


class RetryableError(StepFailure):
    """Trying again may help; the retry policy of the step decides.

    ``retry_after`` is how long to wait at least: seconds, or a ``timedelta``.
    """

    retryable = True
    is_transient = True
    retry_after: float | None = None

    def __init__(
        self,
        message: object = "",
        *,
        retry_after: float | datetime.timedelta | None = None,
        error_code: object = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, error_code=error_code, context=context)
        self.retry_after = retry_after.total_seconds() if isinstance(retry_after, datetime.timedelta) else retry_after


class PermanentError(StepFailure):
    """Trying again cannot help: the step has failed for good."""

    retryable = False


class TimeoutError(RetryableError):  # noqa: A001  the name that users of Tasker know
    """What the handler waited for did not come in time."""

    code = "timeout"


class NetworkError(RetryableError):
    """Another system could not be reached."""

    code = "network_error"


class RateLimitError(RetryableError):
    """Another system asked to slow down."""

    code = "rate_limited"


class ServiceUnavailableError(RetryableError):
    """Another system is out of order for the moment."""

    code = "service_unavailable"


class ValidationError(PermanentError):
    """The data is not what the handler can work with."""

    code = "validation_error"


class NotFoundError(PermanentError):
    """What the handler needs does not exist."""

    code = "not_found"


class AuthenticationError(PermanentError):
    """Another system does not know who asks."""

    code = "authentication_failed"


class AuthorizationError(PermanentError):
    """Another system does not allow it."""

    code = "not_authorized"


class ConfigurationError(PermanentError):
    """The handler is not set up as it has to be."""

    code = "configuration_error"


class BusinessLogicError(PermanentError):
    """A rule of the business says no."""

    code = "business_rule"
