"""Handlers by the names that templates call them by."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

from .handler import StepHandler

#: What a registry takes: a subclass of StepHandler, an instance of one, or a function of a StepContext.
Handler = Any


class HandlerRegistry:
    """Handlers by name. :meth:`instance` is the one that decorators register with and workers use."""

    _instance: ClassVar[HandlerRegistry | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[..., Any]] = {}

    @classmethod
    def instance(cls) -> HandlerRegistry:
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def register(self, name: str, handler: Handler) -> None:
        """Registers a subclass of StepHandler, an instance of one, or a function; the last one of a name counts."""
        if not isinstance(name, str) or not name or any(letter.isspace() for letter in name):
            raise ValueError(f"{name!r} cannot name a handler: use a text that is not empty and has no spaces")
        if inspect.isclass(handler):
            if not issubclass(handler, StepHandler):
                raise TypeError(f"{handler.__name__} is no StepHandler: derive it from tasker_core.StepHandler")
            handler = handler()
        if isinstance(handler, StepHandler) or callable(getattr(handler, "call", None)):
            handler = _methods_of(handler)
        if not callable(handler):
            raise TypeError(f"{handler!r} is no handler: register a StepHandler or a function of a StepContext")
        self._handlers[name] = handler

    def resolve(self, name: str) -> Callable[..., Any] | None:
        """What is called for a name; None without it."""
        return self._handlers.get(name)

    def is_registered(self, name: str) -> bool:
        return name in self._handlers

    def list_handlers(self) -> list[str]:
        return sorted(self._handlers)

    def clear(self) -> None:
        self._handlers.clear()

    def discover_handlers(self, package: str | ModuleType) -> int:
        """Imports a package and every module in it, and registers the subclasses of StepHandler there that have a name.

        Decorated functions register themselves when they are imported. Answers how many handlers were added.
        """
        before = set(self._handlers)
        root = importlib.import_module(package) if isinstance(package, str) else package
        modules = [root]
        for found in pkgutil.walk_packages(getattr(root, "__path__", []), root.__name__ + "."):
            modules.append(importlib.import_module(found.name))
        for module in modules:
            for value in list(vars(module).values()):
                if inspect.isclass(value) and issubclass(value, StepHandler) and value is not StepHandler:
                    if value.handler_name and value.__module__ == module.__name__:
                        self.register(value.handler_name, value)
                elif inspect.isfunction(value) and (name := getattr(value, "__tasker_name__", None)) is not None:
                    self._handlers.setdefault(name, value)
        return len(set(self._handlers) - before)


def _methods_of(handler: Any) -> Callable[..., Any]:
    """Calls the method that the template names, which is `call` if it names none."""
    if inspect.iscoroutinefunction(handler.call):

        async def call_async(context: Any) -> Any:
            answer = _method(handler, context)(context)
            return await answer if inspect.isawaitable(answer) else answer

        return call_async
    return lambda context: _method(handler, context)(context)


def _method(handler: Any, context: Any) -> Callable[..., Any]:
    name = context.method or "call"
    method = None if name.startswith("_") else getattr(handler, name, None)
    if not callable(method):
        from .errors import PermanentError

        raise PermanentError(
            f"{type(handler).__name__} has no method `{name}`, which the template names",
            error_code="handler_method_not_found",
        )
    return method  # type: ignore[no-any-return]
