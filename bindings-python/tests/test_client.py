"""The client, sync and async, on both databases."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import tasker_core
from conftest import ROOT, template
from tasker_core import AsyncTaskerClient, HandlerRegistry, PermanentError, StepContext, Tasker, TaskerClient, Worker
from tasker_core.errors import CallError

ONE = template("client_one", "name: it, handler: {callable: it}", namespace="clients")


@pytest.fixture
def tasker(database_url: str) -> Any:
    with Tasker(database_url) as tasker:
        tasker.template(ONE)
        yield tasker


def code_of(action: Any) -> str:
    with pytest.raises(CallError) as raised:
        action()
    return raised.value.code


def test_a_task_from_its_submission_to_its_history(tasker: Tasker) -> None:
    HandlerRegistry.instance().register("it", lambda context: context.get_input("n"))
    client = tasker.client
    task = client.create_task(
        "client_one",
        namespace="clients",
        context={"n": 5},
        priority=3,
        tags=["a"],
        correlation_id="c-1",
        initiator="me",
    )
    assert (task.status, task.priority, task.tags, task.correlation_id) == ("pending", 3, ["a"], "c-1")
    assert task.error is None and task.completed_at is None
    tasker.start_worker()
    task = client.wait_for_task(task.task_uuid)
    assert (task.status, task.results, task.completion_percentage) == ("complete", {"it": 5}, 100.0)
    step = client.get_step(task.task_uuid, "it")
    assert client.get_step(task.task_uuid, step.step_uuid) == step
    assert code_of(lambda: client.get_step(task.task_uuid, "other")) == "step_not_found"
    history = client.get_task_history(task.task_uuid)
    assert [event.seq for event in history] == list(range(1, len(history) + 1))
    audit = [event.type for event in client.get_step_audit_history(task.task_uuid, "it")]
    assert audit[-1] == "step.completed" and all(kind.startswith("step.") for kind in audit)
    assert task.task_uuid in [found.task_uuid for found in client.list_tasks("clients", status=["complete"])]
    assert client.health_check().healthy and client.health_check().version == tasker_core.__version__


def test_both_clients_have_the_calls_that_every_client_has() -> None:
    calls = json.loads((ROOT / "tasker-worker/tests/client_calls.json").read_text())
    assert len(calls) >= 25
    for name in calls:
        sync, awaited = getattr(TaskerClient, name), getattr(AsyncTaskerClient, name)
        assert callable(sync) and inspect.iscoroutinefunction(awaited), name
        assert inspect.signature(sync) == inspect.signature(awaited), name


TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "rojo=1"}


def test_the_trace_of_a_task_reaches_every_handler(tasker: Tasker) -> None:
    HandlerRegistry.instance().register("it", lambda context: context.trace_context)
    step = "name: outer, handler: {callable: it}"
    sub = "name: sub, type: workflow, workflow: {name: client_one}, dependencies: [outer]"
    tasker.template(template("client_parent", step, sub, namespace="clients"))
    task = tasker.run("client_parent", namespace="clients", **TRACE)
    assert task.results == {"outer": TRACE, "sub": TRACE}
    assert (task.traceparent, task.tracestate) == (TRACE["traceparent"], TRACE["tracestate"])
    assert tasker.run("client_one", namespace="clients").results == {"it": {}}
    submit = tasker.client.submit
    assert code_of(lambda: submit("client_one", namespace="clients", traceparent="nonsense")) == "field_invalid"


def test_signals(tasker: Tasker) -> None:
    client = tasker.client
    tasker.template(
        template("client_wait", "name: approval, type: wait, wait: {signal: approved}", namespace="clients")
    )
    HandlerRegistry.instance().register("it", lambda context: None)
    tasker.start_worker()
    task = client.submit("client_wait", namespace="clients")
    assert code_of(lambda: client.signal_task(task, "other")) == "signal_unknown"
    client.signal_task(task, "approved", {"by": "ann"}, by="ann")
    assert client.wait_for_task(task).results["approval"]["payload"] == {"by": "ann"}


def test_lists_go_on_page_by_page(tasker: Tasker) -> None:
    client = tasker.client
    made = client.create_tasks({"name": "client_one", "namespace": "clients"} for _ in range(3))
    pages, after = [], None
    while len(pages) < 3:
        page = client.list_tasks("clients", limit=1, after=after)
        pages.append(page[0].task_uuid)
        after = page.next
    assert pages == [item.task_uuid for item in reversed(made)]


def test_what_is_refused_says_why(tasker: Tasker) -> None:
    client = tasker.client
    assert code_of(lambda: client.submit("client_on", namespace="clients")) == "template_not_found"
    assert code_of(lambda: client.submit("client_one", namespace="clients", context={"a": {1: 2}})) == "value_not_json"
    assert code_of(lambda: client.get_task("no uuid")) == "params_invalid"
    assert code_of(lambda: client.get_task("0197f3c0-5a5e-7b1c-8d4e-2f6a9c1b0006")) == "task_not_found"
    assert code_of(lambda: client.register_template("name: x\nsteps: 5\n")) == "template_invalid"
    assert code_of(lambda: client.register_template("no/such/folder")) == "template_file_unreadable"
    with pytest.raises(TypeError, match="idempotency"):
        client.submit("client_one", namespace="clients", idempotence="x")
    waiting = client.submit("client_one", namespace="clients")
    assert code_of(lambda: client.wait_for_task(waiting, timeout=0.01)) == "task_not_ended"
    assert client.cancel_task(waiting, by="me", reason="enough").status == "cancelled"
    assert code_of(lambda: client.cancel_task(waiting)) == "task_ended"
    faults = pytest.raises(CallError, client.register_template, "name: x\nsteps: 5\n").value.faults
    assert {fault["line"] for fault in faults} == {1, 2}


def test_the_same_key_is_the_same_task(tasker: Tasker) -> None:
    submit = tasker.client.submit
    first = submit("client_one", namespace="clients", idempotency_key="k-1")
    assert submit("client_one", namespace="clients", idempotency_key="k-1") == first


def test_operators_repair_a_task(tasker: Tasker) -> None:
    is_broken = threading.Event()
    is_broken.set()

    def it(context: StepContext) -> str:
        if is_broken.is_set():
            raise PermanentError("not yet", error_code="broken")
        return "mended"

    HandlerRegistry.instance().register("it", it)
    client = tasker.client
    paused = client.submit("client_one", namespace="clients")
    assert client.pause_task(paused, by="me").status == "paused"
    task = client.submit("client_one", namespace="clients")
    worker = tasker.start_worker()
    failed = client.wait_for_task(task)
    assert (failed.status, failed.error and failed.error["code"]) == ("error", "broken")
    assert client.explain_task(task).task_uuid == task
    assert worker.worker_id in [known.worker_id for known in client.list_workers()]
    is_broken.clear()
    client.retry_task(task, "it", by="me", reason="mended")
    assert client.wait_for_task(task).results == {"it": "mended"}
    assert client.resume_task(paused).status in ("pending", "in_progress", "complete")
    assert client.wait_for_task(paused).status == "complete"
    acted = client.act_on_tasks({"action": {"type": "rerun"}, "ids": [task]})
    assert (acted.matched, acted.refused) == (1, 0)
    assert client.get_stats()
    again = client.rerun_task(task)
    assert again.task_uuid != task and client.wait_for_task(again.task_uuid).status == "complete"
    is_broken.set()
    other = client.wait_for_task(client.submit("client_one", namespace="clients")).task_uuid
    assert client.resolve_task(other, result={"by": "hand"}).results["it"] == {"by": "hand"}


def test_a_task_is_run_again_from_a_step_on(tasker: Tasker) -> None:
    registry = HandlerRegistry.instance()
    registry.register("first", lambda context: context.get_input("n"))
    registry.register("second", lambda context: [context.get_dependency_result("first"), context.get_input("n")])
    first, second = "name: first, handler: {callable: first}", "name: second, handler: {callable: second}"
    tasker.template(template("two", first, second + ", dependencies: [first]"))
    task = tasker.run("two", context={"n": 1})
    again = tasker.client.rerun_task(task.task_uuid, "second", context={"n": 2}, results={"first": 5}, by="me")
    assert tasker.client.wait_for_task(again.task_uuid).results == {"first": 5, "second": [5, 2]}


def test_tasks_are_found_by_what_was_said_of_them(tasker: Tasker) -> None:
    began = datetime.now(timezone.utc)
    wanted = tasker.client.submit("client_one", namespace="clients", tags=["urgent"], initiator="ann")
    tasker.client.submit("client_one", namespace="clients")
    found = tasker.client.list_tasks("clients", tag="urgent", initiator="ann", created_from=began, limit=5)
    assert [task.task_uuid for task in found] == [wanted]
    assert tasker.client.list_tasks(created_before=began - timedelta(days=1)) == []
    assert code_of(lambda: tasker.client.list_tasks(colour="red")) == "params_invalid"


def test_a_client_that_is_collected_keeps_nothing_open() -> None:
    before = set(threading.enumerate())
    client = TaskerClient("sqlite::memory:")
    client.get_stats()
    (thread,) = set(threading.enumerate()) - before
    del client
    gc.collect()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_a_wait_that_is_awaited_ends_with_its_client(tasker: Tasker) -> None:
    async def run() -> None:
        client = AsyncTaskerClient("sqlite::memory:")
        await client.register_template(ONE)
        waiting = asyncio.create_task(
            client.wait_for_task(await client.submit("client_one", namespace="clients"), None)
        )
        await client.get_stats()
        await client.close()
        with pytest.raises(CallError) as raised:
            await asyncio.wait_for(waiting, 10)
        assert raised.value.code == "closed"

    asyncio.run(run())


def test_a_template_may_be_a_dictionary_and_a_wait_without_end(tasker: Tasker) -> None:
    HandlerRegistry.instance().register("it", lambda context: 1)
    client = tasker.client
    waiting = client.submit("client_one", namespace="clients")
    assert code_of(lambda: client.wait_for_task(waiting, -1)) == "task_not_ended"
    step = {"name": "it", "handler": {"callable": "it"}}
    tasker.template({"name": "plain", "namespace": "clients", "version": "1.0.0", "steps": [step]})
    assert tasker.run("plain", namespace="clients", timeout=None).results == {"it": 1}
    assert client.wait_for_task(waiting, float("inf")).status == "complete"


def test_awaited_calls_wait_side_by_side(tasker: Tasker) -> None:
    HandlerRegistry.instance().register("it", lambda context: context.get_input("n"))

    async def run() -> list[Any]:
        client = AsyncTaskerClient.of(tasker.client)
        tasks = [await client.create_task("client_one", namespace="clients", context={"n": n}) for n in range(20)]
        waits = [asyncio.create_task(client.wait_for_task(task.task_uuid)) for task in tasks]
        await client.list_tasks("clients", limit=1)
        tasker.start_worker()
        ended = await asyncio.gather(*waits)
        with pytest.raises(CallError) as raised:
            await client.get_task("0197f3c0-5a5e-7b1c-8d4e-2f6a9c1b0006")
        assert raised.value.code == "task_not_found"
        return [task.results["it"] for task in ended]

    assert asyncio.run(run()) == list(range(20))


def test_a_worker_on_a_file_serves_a_client_elsewhere(tmp_path: Any) -> None:
    url = f"sqlite:{tmp_path}/tasker.db"
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "one.yaml").write_text(ONE)
    HandlerRegistry.instance().register("it", lambda context: threading.current_thread() is threading.main_thread())
    with Worker.start(url, templates=tmp_path / "templates", namespace="clients", slots=2) as worker:
        assert worker.is_running and len(worker.worker_id) == 36
        with TaskerClient(url) as client:
            task = client.wait_for_task(client.submit("client_one", namespace="clients"))
    assert task.results == {"it": False}
    assert not worker.is_running


def test_what_is_closed_says_so() -> None:
    with Tasker() as tasker:
        tasker.template(ONE)
    assert code_of(tasker.client.list_tasks) == "closed"
    tasker.close()
    assert code_of(lambda: Worker.start("sqlite::memory:")) == "no_handlers"
    assert code_of(lambda: Tasker("mysql://localhost/x")) == "database_url_invalid"
