"""The life of a process: signals, its end, forks. Each test runs a script of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

PATIENCE = 60

BEGIN = """
import asyncio, os, signal, sys, threading, time
from tasker_core import *
from tasker_core.errors import CallError
ONE = "name: one\\nnamespace: default\\nversion: 1.0.0\\nsteps: [{name: it, handler: {callable: it}}]"
begun, go_on = threading.Event(), threading.Event()
# What runs in the background of a shell ignores Ctrl-C from its start, and Python leaves it so.
signal.signal(signal.SIGINT, signal.default_int_handler)
def say(*words):
    # In one piece, or what two threads say would end up in one line.
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""
SLOW = """
@step_handler("it")
def it(context):
    begun.set()
    say("begun")
    while not go_on.wait(0.01) and not context.is_cancelled():
        pass
    say("ended")
"""
SLOW_ASYNC = """
@step_handler("it")
async def it(context):
    begun.set()
    say("begun")
    await asyncio.Event().wait()
"""


def start(script: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert "Fatal Python error" not in err and "panicked" not in err, err
    if process.returncode != 0:
        print(err, file=sys.stderr)
    return process.returncode, out.split("\n")[:-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_the_worker(tmp_path: Any, number: signal.Signals) -> None:
    url = f"sqlite:{tmp_path}/tasker.db"
    script = (
        SLOW
        + """
worker = Worker.start(sys.argv[1] if len(sys.argv) > 1 else os.environ["URL"], grace=30)
worker.client.register_template(ONE)
number = int(os.environ["NUMBER"])
before = signal.getsignal(number)
task = worker.client.submit("one")
# The step may begin before the worker minds signals. The handler goes on once the drain has begun: then nothing is claimed
# any more.
def release():
    begun.wait()
    while signal.getsignal(number) == before:
        os.sched_yield()
    os.kill(os.getpid(), number)
    while worker.is_running:
        os.sched_yield()
    go_on.set()
threading.Thread(target=release, daemon=True).start()
worker.run()
with TaskerClient(os.environ["URL"]) as client:
    say(client.get_task(task).status)
"""
    )
    code, out = ended(start(script, URL=url, NUMBER=str(int(number))))
    assert (code, out) == (0, ["begun", "ended", "complete"])


def test_a_signal_is_heard_wherever_the_main_thread_is() -> None:
    # `nth` counts what the main thread calls from when it minds signals until it waits for one.
    script = """
def run_with_a_signal_at(nth):
    with Tasker() as tasker:
        worker, seen, waits = tasker.start_worker(), 0, False
        before = signal.getsignal(signal.SIGINT)
        def profile(frame, event, arg):
            nonlocal seen, waits
            if event not in ("call", "c_call") or signal.getsignal(signal.SIGINT) == before:
                return
            waits = event == "c_call" and arg.__name__ in ("recv", "acquire")
            seen += 1
            if seen == nth:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)
        sys.setprofile(profile)
        try:
            worker.run()
        finally:
            sys.setprofile(None)
        return waits
nth = 1
while not run_with_a_signal_at(nth):
    nth += 1
say("waited")
"""
    assert ended(start("""@step_handler("it")\ndef it(): pass\n""" + script)) == (0, ["waited"])


def test_a_stop_from_elsewhere_ends_the_run() -> None:
    script = """
@step_handler("it")
def it(): pass
for on_main in True, False:
    with Tasker() as tasker:
        worker = tasker.start_worker()
        other = threading.Thread(target=worker.stop if on_main else worker.run)
        other.start()
        worker.run() if on_main else worker.stop()
        other.join()
        say(worker.is_running)
"""
    assert ended(start(script)) == (0, ["False", "False"])


def test_a_signal_ends_a_wait_for_a_task() -> None:
    script = """
tasker = Tasker()
tasker.template(ONE)
task = tasker.client.submit("one")
threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    tasker.client.wait_for_task(task, timeout=600)
except KeyboardInterrupt:
    say("interrupted")
"""
    assert ended(start(script)) == (0, ["interrupted"])


@pytest.mark.parametrize("handler", [SLOW, SLOW_ASYNC], ids=["thread", "loop"])
@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError"])
def test_the_interpreter_ends_while_handlers_run(handler: str, end: str) -> None:
    script = (
        handler
        + """
tasker = Tasker()
tasker.template(ONE)
worker = tasker.start_worker()
worker._grace = 0.01
tasker.client.submit("one")
begun.wait()
"""
        + end
    )
    code, out = ended(start(script))
    assert (code, out[0]) == ({"": 0, "sys.exit(3)": 3}.get(end, 1), "begun")


def test_a_handler_that_never_ends_does_not_keep_the_process() -> None:
    script = """
@step_handler("it")
def it():
    begun.set()
    threading.Event().wait()
tasker = Tasker()
tasker.template(ONE)
tasker.start_worker()._grace = 0.01
tasker.client.submit("one")
begun.wait()
say("left")
"""
    assert ended(start(script)) == (0, ["left"])


def test_many_ends_while_working_are_clean() -> None:
    script = """
@step_handler("it")
def it(context):
    return context.get_input("n")
tasker = Tasker()
tasker.template(ONE)
tasker.start_worker()
tasker.client.create_tasks({"name": "one", "namespace": "default", "context": {"n": n}} for n in range(200))
"""
    processes = [start(script) for _ in range(5)]
    assert [ended(process)[0] for process in processes] == [0] * 5


def test_a_forked_child_is_told_and_may_make_its_own() -> None:
    script = """
@step_handler("it")
def it(context):
    return os.getpid()
tasker = Tasker()
tasker.template(ONE)
assert tasker.run("one").results["it"] == os.getpid()
child = os.fork()
if child == 0:
    for action in (lambda: tasker.client.list_tasks(), lambda: tasker.start_worker().worker_id, lambda: tasker.run("one")):
        try:
            action()
        except CallError as error:
            say(error.code)
        except Exception as error:
            say(type(error).__name__)
    with Tasker() as own:
        own.template(ONE)
        say(own.run("one").results["it"] == os.getpid())
    del tasker
    sys.exit(7)
say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
say(tasker.run("one").status)
"""
    code, out = ended(start(script))
    assert code == 0
    assert out[0] == "forked" and out[2:] == ["forked", "True", "7", "complete"], out


def test_a_handler_may_fork() -> None:
    script = """
import multiprocessing
def double(n):
    return n * 2
@step_handler("it")
def it(context):
    child = os.fork()
    if child == 0:
        # It comes back into the loop of the worker, which must not go on with it.
        return "from the child"
    os.waitpid(child, 0)
    return "from the parent"
tasker = Tasker()
tasker.template(ONE)
say(tasker.run("one").results["it"])
"""
    code, out = ended(start(script))
    assert (code, [line for line in out if line]) == (0, ["from the parent"])


def test_fork_before_start_works_like_a_pre_forking_server(tmp_path: Any) -> None:
    script = """
@step_handler("it")
def it(context):
    return os.getpid()
with TaskerClient(os.environ["URL"]) as client:
    client.register_template(ONE)
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        Worker.start(os.environ["URL"]).run()
        os._exit(0)
    children.append(child)
with TaskerClient(os.environ["URL"]) as client:
    tasks = [client.submit("one") for _ in range(20)]
    pids = {client.wait_for_task(task).results["it"] for task in tasks}
say(pids <= set(children))
def catches(pid):
    mask = next(line for line in open(f"/proc/{pid}/status") if line.startswith("SigCgt:"))
    return int(mask.split()[1], 16) >> (signal.SIGTERM - 1) & 1
for child in children:
    # Before it is in `run()`, a signal ends it as any process.
    while not catches(child):
        os.sched_yield()
    os.kill(child, signal.SIGTERM)
say(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""
    assert ended(start(script, URL=f"sqlite:{tmp_path}/tasker.db")) == (0, ["True", "0 0 0"])


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Any) -> None:
    url = f"sqlite:{tmp_path}/tasker.db"
    script = (
        SLOW
        + """
worker = Worker.start(os.environ["URL"])
worker.client.register_template(ONE)
say(worker.client.submit("one"))
begun.wait()
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    code, out = ended(start(script, URL=url))
    assert code == -signal.SIGKILL
    # The handler may have begun before the script was told which task it is.
    task = next(word for word in out if word != "begun")
    with_task = "with TaskerClient(os.environ['URL']) as client: say(client.get_task(os.environ['TASK']).status)"
    assert ended(start(with_task, URL=url, TASK=task)) == (0, ["in_progress"])


def test_what_follows_a_killed_worker_goes_on_from_its_checkpoint(tmp_path: Any) -> None:
    url = f"sqlite:{tmp_path}/tasker.db"
    script = """
@step_handler("it")
def it(context):
    if not context.has_checkpoint():
        context.checkpoint(7, accumulated_results={"sum": 21}, items_processed=7)
        os.kill(os.getpid(), signal.SIGKILL)
    return [context.checkpoint_cursor, context.accumulated_results, context.checkpoint_items_processed]
worker = Worker.start(os.environ["URL"], lease=1)
worker.client.register_template(ONE)
task = os.environ.get("TASK") or worker.client.submit("one")
say(task)
say(worker.client.wait_for_task(task).results["it"])
"""
    code, out = ended(start(script, URL=url))
    assert code == -signal.SIGKILL
    assert ended(start(script, URL=url, TASK=out[0])) == (0, [out[0], "[7, {'sum': 21}, 7]"])
