"""Workers and clients of a server: the same code with its URL, and no way to the database."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, template
from tasker_core import (
    AsyncTaskerClient,
    HandlerRegistry,
    PermanentError,
    StepContext,
    TaskerClient,
    Worker,
    depends_on,
    inputs,
    step_handler,
)
from tasker_core.errors import CallError

TASKER = Path(os.environ.get("TASKER_BIN", ROOT / "target/debug/tasker"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server on a database of its own."""
    with running(f"sqlite:{tmp_path}/tasker.db") as url:
        yield url


@contextlib.contextmanager
def running(store: str, *more: str) -> Iterator[str]:
    command = [TASKER, "server", "--listen", "127.0.0.1:0", "--store", store, "--grace", "1s", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:[1-9]\d*", line)
            if found:
                break
        else:
            pytest.fail("the server said no address before it ended")
        yield found.group()
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_a_worker_and_a_client_of_a_server(server: str) -> None:
    @step_handler("price")
    @inputs("n")
    def price(n: int, context: StepContext) -> dict[str, int]:
        if not context.is_retry():
            raise ConnectionError("once")
        context.checkpoint({"at": n}, items_processed=1)
        return {"cents": n * 100}

    @step_handler("total")
    @depends_on(price="price")
    async def total(price: dict[str, int]) -> int:
        return price["cents"] + 1

    @step_handler("refuse")
    def refuse() -> None:
        raise PermanentError("no", error_code="refused_here")

    steps = [
        "name: price, handler: {callable: price}, retry: {max_attempts: 2, backoff_base_ms: 1}",
        "name: total, handler: {callable: total}, dependencies: [price]",
    ]
    with TaskerClient(server) as client, Worker.start(server, slots=8):
        client.register_template(template("priced", *steps))
        client.register_template(template("refused", "name: it, handler: {callable: refuse}"))
        tasks = [client.submit("priced", context={"n": n}) for n in range(10)]
        ended = [client.wait_for_task(task) for task in tasks]
        assert [task.results["total"] for task in ended] == [n * 100 + 1 for n in range(10)]
        assert [task.steps[0].attempts for task in ended] == [2] * 10
        failed = client.wait_for_task(client.submit("refused"))
        assert failed.error is not None and failed.error["code"] == "refused_here"
        assert client.get_task_history(failed.task_uuid)[-1].type == "task.failed"
        with pytest.raises(CallError) as raised:
            client.submit("price")
        assert raised.value.code == "template_not_found"


def test_awaited_calls_of_a_server(server: str) -> None:
    import asyncio

    HandlerRegistry.instance().register("it", lambda context: context.get_input("n"))

    async def run() -> list[int]:
        async with AsyncTaskerClient(server) as client:
            await client.register_template(template("one", "name: it, handler: {callable: it}"))
            tasks = [await client.submit("one", context={"n": n}) for n in range(5)]
            ended = await asyncio.gather(*(client.wait_for_task(task) for task in tasks))
            return [task.results["it"] for task in ended]

    with Worker.start(server):
        assert asyncio.run(run()) == list(range(5))


def test_a_server_that_is_not_there_is_transient() -> None:
    with TaskerClient("http://127.0.0.1:9") as client, pytest.raises(CallError) as raised:
        client.list_tasks()
    assert raised.value.is_transient


def test_a_worker_whose_key_is_for_that_alone(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/tasker.db"

    def key(allowed: str) -> str:
        create = [TASKER, "key", "create", "test", "--allow", allowed, "--store", store, "-o", "json"]
        return str(json.loads(subprocess.check_output(create))["secret"])

    def code_of(api_key: str) -> str:
        with TaskerClient(url, api_key=api_key) as client, pytest.raises(CallError) as raised:
            client.list_tasks()
        return raised.value.code

    HandlerRegistry.instance().register("it", lambda context: context.trace_context)
    with running(store, "--auth", "keys") as url:
        admin, work = key("admin"), key("work")
        assert (code_of("wrong"), code_of(work)) == ("key_invalid", "permission_missing")
        with TaskerClient(url, api_key=admin) as client, Worker.start(url, api_key=work):
            client.register_template(template("one", "name: it, handler: {callable: it}"))
            assert client.run_task("one").results == {"it": {}}
            assert client.health_check().healthy
            # The trace of a request is that of its task.
            trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "rojo=1"}
            headers = {"authorization": f"Bearer {admin}", "content-type": "application/json", **trace}
            body = json.dumps({"name": "one", "namespace": "default"}).encode()
            request = urllib.request.Request(f"{url}/v1/tasks", data=body, headers=headers)
            with urllib.request.urlopen(request, timeout=60) as answer:
                task = json.load(answer)["task_uuid"]
            assert client.wait_for_task(task).results == {"it": trace}
