"""The two styles of handlers: classes here, functions in :mod:`tasker_core.step_handler.functional`."""

from ..handler import StepHandler, StepHandlerResult

__all__ = ["StepHandler", "StepHandlerResult"]
