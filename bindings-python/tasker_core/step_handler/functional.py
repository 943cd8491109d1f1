"""The functional style: functions whose parameters are the values they need.

    @step_handler("price_order")
    @depends_on(cart=("validate_cart", Cart))
    @inputs(Order)
    def price_order(cart: Cart, inputs: Order, context): ...

A returned value is the step's result. Works on ``def`` and ``async def`` alike; each decorated function registers itself with
``HandlerRegistry.instance()``, and can be called by hand with its own parameters.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..context import StepContext
from ..decision import BatchConfig, Decision
from ..errors import PermanentError
from ..registry import HandlerRegistry

Function = TypeVar("Function", bound=Callable[..., Any])

#: What a decorator has noted on a function, until it is registered.
_DEPENDS, _INPUTS = "__tasker_depends__", "__tasker_inputs__"
_NO_DEFAULT = inspect.Parameter.empty
#: ``*args`` and ``**kwargs``.
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
#: One more parameter, and where its value comes from.
_More = tuple[str, Callable[[StepContext], Any]]


def depends_on(**parameters: str | tuple[str, Any]) -> Callable[[Function], Function]:
    """Results of steps before this one: ``param="step"``, or ``param=("step", Model)`` for a typed one.

    Any step before this one may be named, not only those that the template names as dependencies. A step that was skipped
    gives None.
    """

    def note(function: Function) -> Function:
        setattr(function, _DEPENDS, {**getattr(function, _DEPENDS, {}), **parameters})
        return function

    return note


def inputs(*names: Any) -> Callable[[Function], Function]:
    """Values of the task's input: ``@inputs("a", "b")`` gives the parameters ``a`` and ``b``, ``@inputs(Model)`` gives
    the whole input as the parameter ``inputs``. A value that is missing is None, or the parameter's default.
    """

    def note(function: Function) -> Function:
        setattr(function, _INPUTS, [*getattr(function, _INPUTS, []), *names])
        return function

    return note


def step_handler(name: str, *, version: str = "1.0.0") -> Callable[[Function], Function]:
    """Registers a function as the handler ``name``."""
    return _registered(name, version, None)


def decision_handler(name: str, *, version: str = "1.0.0") -> Callable[[Function], Function]:
    """Registers a function that returns a :class:`Decision`."""

    def check(answer: Any) -> Any:
        if not isinstance(answer, Decision):
            raise _answer_invalid(name, answer, "decision_invalid", "Decision.route([...]) or Decision.skip(reason)")
        return answer

    return _registered(name, version, check)


def batch_analyzer(
    name: str, *, worker_template: str | None = None, version: str = "1.0.0"
) -> Callable[[Function], Function]:
    """Registers a function that returns a :class:`BatchConfig`; ``worker_template`` names the step that does the work."""

    def check(answer: Any) -> Any:
        if not isinstance(answer, BatchConfig):
            raise _answer_invalid(name, answer, "batch_invalid", "a BatchConfig")
        if answer.worker is None:
            answer.worker = worker_template
        return answer

    return _registered(name, version, check)


def batch_worker(name: str, *, version: str = "1.0.0") -> Callable[[Function], Function]:
    """Registers a function that does one part of a batch; its parameter ``batch_context`` is a :class:`BatchContext`."""
    return _registered(name, version, None)


def api_handler(
    name: str,
    *,
    base_url: str,
    timeout: float = 30.0,
    headers: Mapping[str, str] | None = None,
    version: str = "1.0.0",
) -> Callable[[Function], Function]:
    """Registers a function that talks to a web API; its parameter ``api`` is an :class:`~tasker_core.api.ApiClient`.

    Answers of the kinds 408, 429 and 5xx, and what does not answer, are retryable; other failures are permanent.
    """
    from ..api import ApiClient

    client = ApiClient(base_url, timeout=timeout, headers=headers)
    return _registered(name, version, None, ("api", lambda context: client.with_headers(context.trace_context)))


class BatchContext:
    """One part of a batch: a range of positions, or an item."""

    def __init__(self, part: Mapping[str, Any]) -> None:
        work = part["work"]
        #: Place of this part among the parts, from 0.
        self.index: int = part["index"]
        #: Parts in all.
        self.of: int = part["of"]
        #: What the part is for, where the work was split into items.
        self.item: Any = work.get("item")
        positions = work.get("range") or {}
        self.start_cursor: int | None = positions.get("start")
        #: The first position that is no longer in the part.
        self.end_cursor: int | None = positions.get("end")

    @property
    def batch_size(self) -> int:
        if self.start_cursor is None or self.end_cursor is None:
            return 1
        return self.end_cursor - self.start_cursor

    def __repr__(self) -> str:
        what = self.item if self.start_cursor is None else range(self.start_cursor, self.end_cursor or 0)
        return f"BatchContext({self.index} of {self.of}: {what!r})"


def _registered(
    name: str,
    version: str,
    check: Callable[[Any], Any] | None,
    more: _More | None = None,
) -> Callable[[Function], Function]:
    if not isinstance(name, str):
        # The function itself, where the decorator was written without parentheses: it would never be registered.
        raise TypeError(
            f'{name!r} cannot name a handler: give the decorator a text, as in @step_handler("price_order")'
        )

    def register(function: Function) -> Function:
        handler = _handler_of(name, function, check, more)
        handler.__tasker_name__ = name  # type: ignore[attr-defined]
        HandlerRegistry.instance().register(name, handler)
        function.__tasker_name__ = name  # type: ignore[attr-defined]
        function.__tasker_version__ = version  # type: ignore[attr-defined]
        function.__tasker_handler__ = handler  # type: ignore[attr-defined]
        return function

    return register


def _handler_of(
    name: str,
    function: Callable[..., Any],
    check: Callable[[Any], Any] | None,
    more: _More | None,
) -> Callable[[StepContext], Any]:
    arguments = _Arguments(name, function, more)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call_async(context: StepContext) -> Any:
            answer = await function(**arguments.of(context))
            return answer if check is None else check(answer)

        return call_async

    @functools.wraps(function)
    def call(context: StepContext) -> Any:
        answer = function(**arguments.of(context))
        return answer if check is None else check(answer)

    return call


class _Arguments:
    """What a function is called with, found out once."""

    def __init__(self, handler: str, function: Callable[..., Any], more: _More | None) -> None:
        parameters = inspect.signature(function).parameters
        self._takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        self._names = set(parameters)
        self._defaults = {name: parameter.default for name, parameter in parameters.items()}
        self._depends = {
            name: (source, None) if isinstance(source, str) else source
            for name, source in getattr(function, _DEPENDS, {}).items()
        }
        self._inputs = [name for name in getattr(function, _INPUTS, []) if isinstance(name, str)]
        self._model = next((model for model in getattr(function, _INPUTS, []) if not isinstance(model, str)), None)
        self._more = more
        self._check(handler, parameters.values())

    def _check(self, handler: str, parameters: Iterable[inspect.Parameter]) -> None:
        """What can never be called is refused where it is defined, and not by every attempt."""
        given = {*self._depends, *self._inputs}
        for name in given:
            if not self._takes(name):
                raise TypeError(
                    f"the function of handler `{handler}` has no parameter `{name}`, which it is to be given"
                )
        given |= {"context", "batch_context", *(["inputs"] if self._model is not None else [])}
        given |= {self._more[0]} if self._more is not None else set()
        for parameter in parameters:
            is_needed = parameter.default is _NO_DEFAULT and parameter.kind not in _REST
            if is_needed and (parameter.name not in given or parameter.kind is parameter.POSITIONAL_ONLY):
                remedy = "name it in @depends_on or @inputs, or give it a default"
                raise TypeError(f"nothing gives the parameter `{parameter.name}` of handler `{handler}`: {remedy}")

    def of(self, context: StepContext) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name, (step, model) in self._depends.items():
            arguments[name] = self._or_default(name, context.get_dependency_result(step, model))
        for name in self._inputs:
            arguments[name] = self._or_default(name, context.get_input(name))
        if self._model is not None:
            arguments["inputs"] = context.input_as(self._model)
        if self._takes("context"):
            arguments["context"] = context
        if context.batch is not None and self._takes("batch_context"):
            arguments["batch_context"] = BatchContext(context.batch)
        if self._more is not None:
            name, value_of = self._more
            if self._takes(name):
                arguments[name] = value_of(context)
        return arguments

    def _takes(self, name: str) -> bool:
        return self._takes_any or name in self._names

    def _or_default(self, name: str, value: Any) -> Any:
        default = self._defaults.get(name, _NO_DEFAULT)
        return value if value is not None or default is _NO_DEFAULT else default


def _answer_invalid(name: str, answer: Any, code: str, wanted: str) -> PermanentError:
    return PermanentError(f"`{name}` returned {type(answer).__name__} instead of {wanted}", error_code=code)
