"""An application under gunicorn that is loaded before the fork: the handlers are its own, the worker is each process's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from tasker_core import StepContext, Tasker, TaskerClient, step_handler

URL = os.environ["TASKER_DATABASE"]
STEP = "name: {0}\nnamespace: shop\nversion: 1.0.0\nsteps: [{{name: it, handler: {{callable: {0}}}}}]"

#: The one of this process.
taskers: list[Tasker] = []


def say(*words: object) -> None:
    # In one piece: all processes write here.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


@step_handler("quick")
def quick(context: StepContext) -> int:
    return os.getpid()


@step_handler("slow")
def slow(context: StepContext) -> str:
    say("begun")
    return os.read(0, 100).decode()


with TaskerClient(URL) as client:
    for name in ("quick", "slow"):
        client.register_template(STEP.format(name))


def start_worker() -> None:
    taskers.append(Tasker(URL))
    taskers[0].start_worker()


def app(request: dict[str, Any], respond: Callable[[str, list[tuple[str, str]]], Any]) -> Iterable[bytes]:
    """``/quick`` is answered with the result of a task, ``/slow`` with the id of one that goes on."""
    tasker = taskers[0]
    if request["PATH_INFO"] == "/quick":
        answer = str(tasker.client.run_task("quick", namespace="shop").results["it"])
    else:
        answer = tasker.client.submit("slow", namespace="shop")
    respond("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
