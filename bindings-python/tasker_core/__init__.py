"""Tasker for Python: workflows of plain functions, on an engine in this process or behind a server."""

from ._native import NativeError as _NativeError  # noqa: F401  checked at import, so that a broken wheel says so at once
from ._native import __version__
from .async_client import AsyncTaskerClient
from .client import Document, Event, Step, Task, TaskerClient, TaskPage, client_create_task
from .context import StepContext
from .decision import BatchConfig, Decision
from .documents import Ending
from .errors import (
    AuthenticationError,
    AuthorizationError,
    BusinessLogicError,
    CallError,
    ConfigurationError,
    NetworkError,
    NotFoundError,
    PermanentError,
    RateLimitError,
    RetryableError,
    ServiceUnavailableError,
    TaskerError,
    TimeoutError,
    ValidationError,
)
from .handler import StepHandler, StepHandlerResult
from .logs import StepLogFilter
from .registry import HandlerRegistry
from .step_handler import functional as _functional
from .step_handler.functional import (
    BatchContext,
    api_handler,
    batch_analyzer,
    batch_worker,
    decision_handler,
    depends_on,
    inputs,
)
from .step_handler.functional import (
    step_handler as step_handler,
)
from .tasker import Tasker, TaskerCore
from .worker import Worker

# The decorator has the name of the package that it is in; what is looked for in that is found on it too, as by
# `import tasker_core.step_handler.functional`.
vars(step_handler).update(functional=_functional, StepHandler=StepHandler, StepHandlerResult=StepHandlerResult)

__all__ = [
    "AsyncTaskerClient",
    "AuthenticationError",
    "AuthorizationError",
    "BatchConfig",
    "BatchContext",
    "BusinessLogicError",
    "CallError",
    "ConfigurationError",
    "Decision",
    "Document",
    "Ending",
    "Event",
    "HandlerRegistry",
    "NetworkError",
    "NotFoundError",
    "PermanentError",
    "RateLimitError",
    "RetryableError",
    "ServiceUnavailableError",
    "Step",
    "StepContext",
    "StepHandler",
    "StepHandlerResult",
    "StepLogFilter",
    "Task",
    "TaskPage",
    "Tasker",
    "TaskerClient",
    "TaskerCore",
    "TaskerError",
    "TimeoutError",
    "ValidationError",
    "Worker",
    "__version__",
    "api_handler",
    "batch_analyzer",
    "batch_worker",
    "client_create_task",
    "decision_handler",
    "depends_on",
    "inputs",
    "step_handler",
]
