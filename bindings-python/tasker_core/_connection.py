"""The native host, shared by a client and its workers: calls, logs, the end of the process, forks."""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

from . import _native
from ._values import default
from .errors import CallError

_LEVELS = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": 5,
}
_logger = logging.getLogger("tasker_core")

#: What is to be closed before the interpreter ends.
_open: weakref.WeakSet[Connection] = weakref.WeakSet()


class Connection:
    """An engine in this process, or a connection to a server."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        environment: str | None = None,
        migrate: bool = True,
        log: str | None = None,
        lease: float | None = None,
        threads: int = 2,
    ) -> None:
        config = {
            "url": url,
            "api_key": api_key,
            "environment": environment,
            "migrate": migrate,
            "threads": threads,
            **({} if log is None else {"log": log}),
            **({} if lease is None else {"lease_ms": round(lease * 1000)}),
        }
        self.host = translated(lambda: _native.Host(json.dumps(config)))
        self._closers: list[Callable[[], None]] = []
        of = (self.host, weakref.ref(self))
        self._log_thread = threading.Thread(target=_pass_logs_on, args=of, name="tasker-log", daemon=True)
        self._log_thread.start()
        _open.add(self)

    def call(self, method: str, params: dict[str, Any]) -> Any:
        return translated(lambda: self.host.call(method, _given(params), default))

    async def call_async(self, method: str, params: dict[str, Any]) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()

        def settle(error: BaseException | None, text: str | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(CallError.of(error))
            else:
                future.set_result(text or "null")

        def done(error: BaseException | None, text: str | None) -> None:
            # The loop may have ended while the call was under way: then nobody waits.
            try:
                loop.call_soon_threadsafe(settle, error, text)
            except RuntimeError:
                _logger.debug("an answer to %s came after the end of its event loop", method)

        translated(lambda: self.host.call_then(method, _given(params), default, done))
        return _native.loads(await future)

    def before_close(self, closer: Callable[[], None]) -> None:
        self._closers.append(closer)

    def close(self) -> None:
        """Stops its workers and ends it. A second call does nothing."""
        _open.discard(self)
        closers, self._closers = self._closers, []
        for closer in closers:
            closer()
        self.host.close()
        if self._log_thread is not threading.current_thread():
            self._log_thread.join(timeout=5)


def translated(action: Callable[[], Any]) -> Any:
    """What ``action`` answers; an error of the native part as the one of this package."""
    try:
        return action()
    except _native.NativeError as error:
        raise CallError.of(error) from None


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _pass_logs_on(host: _native.Host, connection: weakref.ref[Connection]) -> None:
    while True:
        if connection() is None:
            # It was collected without having been closed: nobody can use it any more.
            host.close()
        try:
            record = host.next_log(0.2)
        except _native.NativeError:
            return
        if record is not None:
            level, target, message, fields = record
            text = " ".join([message, *(f"{name}={value}" for name, value in fields)])
            extra = {"tasker_target": target, "tasker_fields": dict(fields)}
            _logger.log(_LEVELS[level], "%s", text, extra=extra)


def _close_all() -> None:
    for connection in list(_open):
        try:
            connection.close()
        except Exception:  # noqa: BLE001  the interpreter ends, and the others are to be closed too
            _logger.exception("a connection could not be closed in order")


def _forget_all() -> None:
    # They belong to the parent, which goes on with them; the native handles answer `forked` here.
    _open.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
