"""Ids of the running step in the records of Python's loggers."""

from __future__ import annotations

import logging

from ._run import CURRENT


class StepLogFilter(logging.Filter):
    """Adds ``task_uuid``, ``step_name``, ``attempt`` and ``correlation_id`` of the running step to every record.

    ``handler.addFilter(StepLogFilter())`` makes them usable in a format: ``%(task_uuid)s``. Outside of steps they are ``-``.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        context = CURRENT.get()
        record.task_uuid = context.task_uuid if context else "-"
        record.step_name = context.step_name if context else "-"
        record.attempt = context.attempt if context else "-"
        record.correlation_id = (context.correlation_id if context else None) or "-"
        return True
