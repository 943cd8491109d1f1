"""Handlers of both styles, on an engine in this process."""

from __future__ import annotations

import asyncio
import datetime
import enum
import logging
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
import tasker_core
from conftest import template
from pydantic import BaseModel
from tasker_core import (
    HandlerRegistry,
    NetworkError,
    PermanentError,
    RetryableError,
    StepContext,
    StepHandler,
    StepHandlerResult,
    StepLogFilter,
    Task,
    Tasker,
    depends_on,
    inputs,
    step_handler,
)
from tasker_core.errors import CallError

RETRY = "retry: {max_attempts: 3, backoff_base_ms: 1, max_backoff_ms: 2}"


def run_one(handler: Any, context: Any = None, step: str = "", url: str = "sqlite::memory:") -> Task:
    """The task whose one step is run by ``handler``."""
    HandlerRegistry.instance().register("it", handler)
    with Tasker(url) as tasker:
        tasker.template(template("one", f"name: it, handler: {{callable: it}}{step}"))
        return tasker.run("one", context=context)


def failure(task: Task) -> dict[str, Any]:
    assert task.status == "error"
    error = task.steps[0].error
    assert error is not None
    return error


def test_classes_and_functions_work_together(database_url: str) -> None:
    class Order(BaseModel):
        sku: str
        quantity: int = 1

    @dataclass
    class Price:
        cents: int

    class FindPrice(StepHandler):
        handler_name = "find_price"

        def call(self, context: StepContext) -> Any:
            cents = context.get_config("cents") * context.get_input_or("quantity", 1)
            return self.success({"cents": cents}, metadata={"from": "config"})

    @step_handler("add_tax")
    @depends_on(price=("find_price", Price))
    async def add_tax(price: Price) -> Price:
        await asyncio.to_thread(str)
        return Price(price.cents * 120 // 100)

    @step_handler("confirm")
    @depends_on(price=("find_price", Price), total=("add_tax", Price))
    @inputs(Order)
    def confirm(inputs: Order, price: Price, total: Price, context: StepContext) -> dict[str, Any]:
        return {"text": f"{inputs.quantity} {inputs.sku}: {total.cents}", "tax": total.cents - price.cents}

    HandlerRegistry.instance().register("find_price", FindPrice)
    with Tasker(database_url) as tasker:
        tasker.template(
            template(
                "mixed",
                "name: find_price, handler: {callable: find_price, initialization: {cents: 50}}",
                "name: add_tax, handler: {callable: add_tax}, dependencies: [find_price]",
                "name: confirm, handler: {callable: confirm}, dependencies: [add_tax]",
            )
        )
        task = tasker.run("mixed", context={"sku": "tea", "quantity": 4})
        history = tasker.client.get_task_history(task.task_uuid)
    assert task.status == "complete"
    completed = next(event for event in history if event.type == "step.completed" and event.step == "find_price")
    assert completed.details == {"metadata": {"from": "config"}}
    assert task.results == {
        "find_price": {"cents": 200},
        "add_tax": {"cents": 240},
        "confirm": {"text": "4 tea: 240", "tax": 40},
    }


def test_a_function_that_can_never_be_called_is_refused_where_it_is_defined() -> None:
    def not_told(other: Any) -> Any: ...

    def without_it(context: StepContext) -> Any: ...

    with pytest.raises(TypeError):
        step_handler("it")(not_told)
    with pytest.raises(TypeError):
        step_handler(without_it)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        step_handler("it")(depends_on(order="validate")(without_it))
    with pytest.raises(TypeError):
        step_handler("it")(inputs("sku")(without_it))
    assert not HandlerRegistry.instance().is_registered("it")

    def may_be_called(*rest: Any, other: int = 1, **more: Any) -> Any: ...

    step_handler("it")(depends_on(order="validate")(may_be_called))


def test_a_method_that_the_template_names_is_called() -> None:
    class Refunds(StepHandler):
        def call(self, context: StepContext) -> Any:
            return "call"

        def process(self, context: StepContext) -> Any:
            return "process"

    HandlerRegistry.instance().register("refunds", Refunds)
    with Tasker() as tasker:
        tasker.template(
            template(
                "methods",
                "name: a, handler: {callable: refunds, method: process}",
                "name: b, handler: {callable: refunds}",
                "name: c, handler: {callable: refunds, method: missing}",
            )
        )
        task = tasker.run("methods")
    assert task.results == {"a": "process", "b": "call"}
    assert [step.error["code"] for step in task.steps if step.error] == ["handler_method_not_found"]


class Unfinished(PermanentError):
    """As it is easily written: without a call of the class before it."""

    def __init__(self, sku: str) -> None:
        self.args = (sku,)


class Nameless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


class Words(enum.Enum):
    SOLD_OUT = "sold_out"


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("answer", "kind", "code", "message"),
    [
        (PermanentError(ValueError("no tea")), "permanent", "handler_error", "no tea"),
        (PermanentError("x", error_code=404), "permanent", "404", "x"),
        (PermanentError("x", error_code=Words.SOLD_OUT), "permanent", "sold_out", "x"),
        (PermanentError("x", error_code=""), "permanent", "handler_error", "x"),
        (Unfinished("tea"), "permanent", "handler_error", "tea"),
        (Nameless(), "retryable", "handler_error", None),
        (ValueError("m" * 5_000_000), "retryable", "handler_error", None),
        (StepHandlerResult.failure(5, error_type=6), "retryable", "6", "5"),  # type: ignore[arg-type]
        (StepHandlerResult.failure(""), "retryable", "handler_error", None),
    ],
    ids=["exception", "number", "enum", "empty", "unfinished", "nameless", "long", "result", "said_nothing"],
)
def test_a_failure_is_told_whatever_is_wrong_with_it(
    is_async: bool, answer: Any, kind: str, code: str, message: str | None
) -> None:
    def fail() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    @step_handler("sync")
    def sync() -> Any:
        return fail()

    @step_handler("async")
    async def asynchronous() -> Any:
        return fail()

    with Tasker() as tasker:
        name = "async" if is_async else "sync"
        tasker.template(template("told", f"name: it, handler: {{callable: {name}}}, retry: {{max_attempts: 1}}"))
        error = tasker.run("told").steps[0].error
    assert error is not None
    assert (error["kind"], error["code"]) == (kind, code)
    assert error["message"] if message is None else error["message"] == message


def test_a_backtrace_begins_at_the_handler() -> None:
    @step_handler("sync")
    def sync() -> Any:
        raise ValueError("no")

    @step_handler("async")
    async def asynchronous() -> Any:
        raise ValueError("no")

    with Tasker() as tasker:
        one = "{{callable: {}}}, retry: {{max_attempts: 1}}"
        tasker.template(
            template("b", "name: a, handler: " + one.format("sync"), "name: b, handler: " + one.format("async"))
        )
        errors = [step.error for step in tasker.run("b").steps]
    for error in errors:
        assert error is not None
        files = [line for line in error["backtrace"].splitlines() if line.startswith("  File")]
        assert len(files) == 1 and __file__ in files[0]


def test_the_decorator_and_its_package_share_a_name() -> None:
    import tasker_core.step_handler.functional as functional  # noqa: PLR0402  another way to write it is another way to find it

    assert functional.step_handler is tasker_core.step_handler
    assert tasker_core.step_handler.functional is functional


def test_a_handler_that_stops_its_loop_stops_no_other() -> None:
    @step_handler("stops")
    async def stops() -> str:
        asyncio.get_running_loop().stop()
        await asyncio.to_thread(str)
        return "went on"

    with Tasker() as tasker:
        tasker.template(template("stops", "name: it, handler: {callable: stops}"))
        results = [tasker.run("stops").results for _ in range(2)]
    assert results == [{"it": "went on"}] * 2


def test_a_wait_may_be_a_timedelta() -> None:
    assert RetryableError("x", retry_after=datetime.timedelta(minutes=1)).retry_after == 60.0


def test_an_event_is_checked_where_it_is_published() -> None:
    context = StepContext()
    lines = ["one"]
    context.publish("order.paid", {"lines": lines})
    lines.append("two")
    assert context._events == [{"name": "order.paid", "payload": {"lines": ["one"]}}]
    for payload in ({"at": object()}, "x" * 1_100_000):
        with pytest.raises(PermanentError) as raised:
            context.publish("order.paid", payload)
        assert raised.value.code == "event_invalid"


def test_errors_say_whether_to_try_again() -> None:
    seen = []

    def flaky(context: StepContext) -> Any:
        seen.append((context.retry_count, context.is_retry(), context.is_last_retry()))
        if len(seen) < 3:
            raise NetworkError("no route", retry_after=0.001)
        return len(seen)

    task = run_one(flaky, step=f", {RETRY}")
    assert task.results == {"it": 3}
    assert seen == [(0, False, False), (1, True, False), (2, True, True)]


def test_what_a_failure_says_is_kept() -> None:
    def refuse(context: StepContext) -> Any:
        raise PermanentError("no such sku", error_code="unknown_sku", context={"sku": "X", "tried": (1, 2)})

    task = run_one(refuse)
    error = failure(task)
    assert (error["kind"], error["code"], error["message"]) == ("permanent", "unknown_sku", "no such sku")
    assert error["context"] == {"sku": "X", "tried": [1, 2]}
    assert error["error_type"] == "tasker_core.errors.PermanentError"
    assert "in refuse" in error["backtrace"] and "_run.py" not in error["backtrace"]
    assert task.steps[0].attempts == 1


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        (KeyError("x"), "retryable", "handler_error"),
        (SystemExit(3), "retryable", "handler_exited"),
        (KeyboardInterrupt(), "retryable", "handler_exited"),
        (RetryableError("later", error_code="busy"), "retryable", "busy"),
    ],
)
def test_whatever_is_raised_is_the_failure_of_one_step(raised: BaseException, kind: str, code: str) -> None:
    def fail(context: StepContext) -> Any:
        raise raised

    async def fail_async(context: StepContext) -> Any:
        raise raised

    for handler in (fail, fail_async):
        error = failure(run_one(handler, step=", retry: {max_attempts: 1}"))
        assert (error["kind"], error["code"]) == (kind, code)


def test_an_error_that_cannot_be_printed_is_a_failure_too() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError("never")

    def fail(context: StepContext) -> Any:
        raise Unprintable

    assert failure(run_one(fail, step=", retry: {max_attempts: 1}"))["code"] == "handler_error"


def test_values_that_do_not_fit_are_permanent_failures() -> None:
    class Order(BaseModel):
        quantity: int

    @step_handler("it")
    @inputs(Order)
    def count(inputs: Order) -> int:
        return inputs.quantity

    handler = HandlerRegistry.instance().resolve("it")
    error = failure(run_one(handler, context={"quantity": "many"}))
    assert (error["kind"], error["code"]) == ("permanent", "input_invalid")

    error = failure(run_one(lambda context: {"items": [1, {"price": float("nan")}]}))
    assert (error["kind"], error["code"]) == ("permanent", "result_not_json")
    assert error["context"] == {"path": "items[1].price", "reason": "not_a_number"}

    error = failure(run_one(lambda context: "x" * 2_000_000))
    assert (error["kind"], error["code"]) == ("permanent", "result_too_large")


def test_many_handlers_run_at_once() -> None:
    together = threading.Barrier(8, timeout=30)
    arrived: list[asyncio.Event] = []

    def meet(context: StepContext) -> Any:
        return together.wait() >= 0

    async def overlap(context: StepContext) -> Any:
        mine = asyncio.Event()
        arrived.append(mine)
        if len(arrived) == 8:
            for event in arrived:
                event.set()
        await mine.wait()

    for handler in (meet, overlap):
        HandlerRegistry.instance().register("it", handler)
        with Tasker() as tasker:
            steps = [f"name: s{number}, handler: {{callable: it}}" for number in range(8)]
            tasker.template(template("wide", *steps))
            assert tasker.run("wide").status == "complete"
    assert len(arrived) == 8


def test_a_timeout_reaches_the_handler() -> None:
    ended = threading.Event()

    def wait(context: StepContext) -> Any:
        while not context.is_cancelled():
            ended.wait(0.01)
        assert not context.heartbeat({"rows": 1})
        ended.set()

    async def wait_async(context: StepContext) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    for handler in (wait, wait_async):
        ended.clear()
        task = run_one(handler, step=", timeout_seconds: 1, retry: {max_attempts: 1}")
        assert failure(task)["code"] == "step_timeout"
        assert ended.wait(30)


def test_logs_carry_the_ids_of_the_step(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("shop")
    caplog.handler.addFilter(StepLogFilter())

    def work(context: StepContext) -> Any:
        logger.warning("working")

    with caplog.at_level(logging.INFO):
        task = run_one(work)
        logger.warning("outside")
    records = {record.message: record for record in caplog.records}
    assert (records["working"].task_uuid, records["working"].step_name) == (task.task_uuid, "it")
    assert records["outside"].task_uuid == "-"
    assert any(record.name == "tasker_core" for record in caplog.records), "the native part logs nothing here"


def test_a_context_is_made_by_hand_for_tests() -> None:
    context = StepContext(input_data={"n": 1}, dependency_results={"a_1": {"rows": [5, 6]}, "b": None, "a_0": 0})
    assert (context.get_input("n"), context.get_input("x"), context.get_input_or("x", 2)) == (1, None, 2)
    assert context.get_dependency_field("a_1", "rows", 1) == 6
    assert context.get_dependency_field("a_1", "rows", 9) is None
    assert context.get_all_dependency_results("a_") == [0, {"rows": [5, 6]}]
    assert context.heartbeat() and not context.is_cancelled() and not context.has_checkpoint()


def test_handlers_are_found_in_a_package(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "found_handlers"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "classes.py").write_text(
        "from tasker_core import StepHandler\n"
        "class Price(StepHandler):\n    handler_name = 'price'\n    def call(self, context):\n        return 1\n"
    )
    (package / "functions.py").write_text(
        "from tasker_core import step_handler\n@step_handler('total')\ndef total():\n    return 2\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = HandlerRegistry.instance()
    assert registry.discover_handlers("found_handlers") == 2
    assert registry.list_handlers() == ["price", "total"]
    assert registry.is_registered("price") and not registry.is_registered("cart")
    with pytest.raises(ValueError, match="two words"):
        registry.register("two words", lambda context: None)
    with pytest.raises(TypeError):
        registry.register("number", 5)
    sys.modules.pop("found_handlers", None)


def test_a_handler_that_computes_keeps_its_lease() -> None:
    def compute(context: StepContext) -> int:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            pass
        return context.attempt

    registry = HandlerRegistry()
    registry.register("it", compute)
    with Tasker(registry=registry, lease=2) as tasker:
        tasker.template(template("computing", "name: it, handler: {callable: it}"))
        step = tasker.run("computing").steps[0]
    assert (step.results, step.attempts, step.losses) == (1, 1, 0)


def test_a_panic_in_rust_is_an_error_and_everything_goes_on() -> None:
    registry = HandlerRegistry()
    registry.register("it", lambda context: "here")
    with Tasker(registry=registry) as tasker:
        for _ in range(3):
            with pytest.raises(CallError) as raised:
                tasker.client.call("test.panic")
            assert raised.value.code == "internal_panic"
        tasker.template(template("still", "name: it, handler: {callable: it}"))
        assert tasker.run("still").results == {"it": "here"}
