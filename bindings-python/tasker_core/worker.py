"""A worker: handlers of this process, run for a database or a server."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from . import _native
from ._connection import Connection, translated
from ._run import fail, run, run_async
from .client import TaskerClient
from .errors import CallError
from .registry import HandlerRegistry

_logger = logging.getLogger("tasker_core")
#: How many attempts the event loop takes at once.
_TAKE_MAX = 256
_Lease = tuple[str, int, int]


class Worker:
    """Runs steps until it is stopped: sync handlers on threads, ``async def`` handlers on one event loop."""

    def __init__(
        self,
        connection: Connection,
        *,
        registry: HandlerRegistry | None = None,
        namespaces: Iterable[str] = (),
        slots: int = 64,
        poll_interval_ms_max: int | None = None,
        grace: float = 30.0,
        owns_connection: bool = False,
    ) -> None:
        registry = registry or HandlerRegistry.instance()
        names = registry.list_handlers()
        self._handlers = {name: registry.resolve(name) for name in names}
        self._asynchronous = {name for name, handler in self._handlers.items() if inspect.iscoroutinefunction(handler)}
        self._connection = connection
        self._owns_connection = owns_connection
        self._slots = slots
        self._grace = grace
        # Signal handlers of an application may stop the worker wherever its main thread is.
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._is_stopped = False
        self._ended = threading.Event()
        self._bell: socket.socket | None = None
        config = {
            "language": "python",
            "handlers": names,
            "namespaces": list(namespaces),
            "slots": slots,
            "poll_interval_ms_max": poll_interval_ms_max,
        }
        self._native: _native.Worker = translated(lambda: connection.host.start_worker(json.dumps(config)))
        is_mixed = bool(self._asynchronous) and len(self._asynchronous) < len(names)
        self._loop = _Loop(self, takes=not is_mixed) if self._asynchronous else None
        if self._loop is None or is_mixed:
            self._grow()
        connection.before_close(self.stop)

    @classmethod
    def start(
        cls,
        url: str | None = None,
        *,
        api_key: str | None = None,
        namespace: str | None = None,
        namespaces: Iterable[str] = (),
        registry: HandlerRegistry | None = None,
        templates: str | Path | None = None,
        environment: str | None = None,
        slots: int = 64,
        poll_interval_ms_max: int | None = None,
        grace: float = 30.0,
        migrate: bool = True,
        log: str | None = None,
        lease: float | None = None,
    ) -> Worker:
        """Connects and starts to work.

        ``url`` is that of a database or of a server (else ``TASKER_API_URL``, ``DATABASE_URL``, ``sqlite:tasker.db``);
        ``templates`` is a file or a folder that is registered first (else ``TASKER_TEMPLATE_PATH``). ``grace`` is how many
        seconds handlers may run on when the worker stops, ``lease`` how many seconds leases are given for (30). Raises
        :class:`CallError`; nothing is left behind then.
        """
        connection = Connection(url, api_key=api_key, environment=environment, migrate=migrate, log=log, lease=lease)
        try:
            path = templates or os.environ.get("TASKER_TEMPLATE_PATH")
            if path:
                connection.call("template.load", {"path": str(path)})
            served = [*namespaces, *([namespace] if namespace else [])]
            return cls(
                connection,
                registry=registry,
                namespaces=served,
                slots=slots,
                poll_interval_ms_max=poll_interval_ms_max,
                grace=grace,
                owns_connection=True,
            )
        except BaseException:
            connection.close()
            raise

    @property
    def client(self) -> TaskerClient:
        """A client of what this worker works for."""
        return TaskerClient._on(self._connection)

    @property
    def worker_id(self) -> str:
        return self._native.worker_id

    @property
    def is_running(self) -> bool:
        return not self._is_stopped

    def run(self) -> None:
        """Waits for SIGINT (Ctrl-C) or SIGTERM, or for a call of :meth:`stop`, and answers once the worker has stopped in
        order. A second signal does what it does by default. Signals are heard on the main thread only.
        """
        try:
            if threading.current_thread() is threading.main_thread():
                self._await_signal()
            else:
                self._ended.wait()
        finally:
            self.stop()
        self._ended.wait()

    def _await_signal(self) -> None:
        # A lock of `threading` would not do: its wait misses a signal that comes just before it blocks, and a handler that
        # sets an event hangs when it interrupts the event's own bookkeeping. What is in a socket waits there to be read.
        reader, writer = socket.socketpair()
        with reader, writer:
            writer.setblocking(False)
            other_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
            previous = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
            self._bell = writer
            try:
                while not self._is_stopped and reader.recv(1)[0] not in previous:
                    pass
            finally:
                self._bell = None
                for number, handler in previous.items():
                    signal.signal(number, handler)
                signal.set_wakeup_fd(other_fd)

    def stop(self, grace: float | None = None) -> None:
        """Takes nothing more, lets handlers run on for ``grace`` seconds, asks those that are left to stop, and reports
        every outcome. A second call does nothing.
        """
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
        bell = self._bell
        if bell is not None:
            with contextlib.suppress(OSError):  # full or closed: `run` is past its wait
                bell.send(b"\0")
        try:
            abandoned, undelivered = translated(lambda: self._native.shutdown(self._grace if grace is None else grace))
            if abandoned or undelivered:
                _logger.warning("the worker stopped with %d handlers running; their steps run again", abandoned)
        except CallError as error:
            if error.code not in ("closed", "forked"):
                raise
        finally:
            if self._loop is not None:
                self._loop.stop()
            # Threads in handlers that never end are daemons, and go with the process.
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join(timeout=1)
            if self._owns_connection:
                self._connection.close()
            self._ended.set()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _grow(self) -> None:
        with self._lock:
            if len(self._threads) >= self._slots or self._is_stopped:
                return
            name = f"tasker-{len(self._threads)}"
            thread = threading.Thread(target=self._serve, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self) -> None:
        try:
            self._native.serve(self._run, self._cancel, self._grow)
        except _native.NativeError as error:
            _logger.error("a thread of the worker has ended: %s", CallError.of(error))

    def _run(self, attempt: _native.Attempt) -> None:
        name = attempt.handler_name
        handler = self._handlers.get(name)
        if handler is None:
            message = f"this worker was handed a step for `{name}`, which it does not have"
            fail(attempt, {"kind": "retryable", "code": "handler_not_found", "message": message}, [])
        elif name in self._asynchronous and self._loop is not None:
            self._loop.hand_over(attempt, handler)
        else:
            run(handler, attempt)

    def _cancel(self, lease: _Lease) -> None:
        if self._loop is not None:
            self._loop.cancel(lease)


class _Loop:
    """The event loop of ``async def`` handlers, on a thread of its own."""

    def __init__(self, worker: Worker, *, takes: bool) -> None:
        self._worker = worker
        self._tasks: dict[_Lease, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._wake_fd = worker._native.wake_fd() if takes else None
        self._thread = threading.Thread(target=self._serve, name="tasker-loop", daemon=True)
        self._thread.start()

    def hand_over(self, attempt: _native.Attempt, handler: Callable[..., Any]) -> None:
        self._loop.call_soon_threadsafe(self._begin, attempt, handler)

    def cancel(self, lease: _Lease) -> None:
        self._loop.call_soon_threadsafe(self._cancel, lease)

    def stop(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ended.set)
        except RuntimeError:
            return
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        if self._wake_fd is not None:
            self._loop.add_reader(self._wake_fd, self._take)
        ended = self._loop.create_task(self._until_ended())
        try:
            while not ended.done():
                # A handler may stop the loop that it runs on: then it goes on with the others.
                with contextlib.suppress(RuntimeError):
                    self._loop.run_until_complete(ended)
        finally:
            if self._wake_fd is not None:
                self._loop.remove_reader(self._wake_fd)
                os.close(self._wake_fd)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _until_ended(self) -> None:
        await self._ended.wait()
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)

    def _take(self) -> None:
        assert self._wake_fd is not None
        try:
            os.read(self._wake_fd, 4096)
        except BlockingIOError:
            pass
        while True:
            taken = self._worker._native.take(_TAKE_MAX)
            for one in taken:
                if isinstance(one, _native.Attempt):
                    self._take_one(one)
                elif one is not None:
                    self._cancel(one)
            if len(taken) < _TAKE_MAX:
                return

    def _take_one(self, attempt: _native.Attempt) -> None:
        handler = self._worker._handlers.get(attempt.handler_name)
        if handler is None:
            self._worker._run(attempt)
        else:
            self._begin(attempt, handler)

    def _begin(self, attempt: _native.Attempt, handler: Callable[..., Any]) -> None:
        lease = attempt.lease_key
        # The loop itself holds tasks by weak references only.
        task = self._loop.create_task(run_async(handler, attempt))
        self._tasks[lease] = task
        task.add_done_callback(lambda _: self._tasks.pop(lease, None))

    def _cancel(self, lease: _Lease) -> None:
        task = self._tasks.get(lease)
        if task is not None:
            task.cancel()
