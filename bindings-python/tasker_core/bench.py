"""``tasker-bench``: how fast steps with no-op handlers in Python run, in the workloads of ``tasker bench``."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time

from . import HandlerRegistry, StepContext, Tasker, __version__

_NAMESPACE = "bench_python"
_CONTEXT = {"number": 1, "customer": "ada@example.net"}


def template(workload: str, handler: str) -> tuple[str, int]:
    """The YAML of a workload, and how many steps it has."""
    graphs: dict[str, dict[str, list[str]]] = {
        "single": {"a": []},
        "diamond": {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]},
        "linear10": {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(10)},
        "fan100": {"a": [], **{f"b{n}": ["a"] for n in range(100)}, "z": [f"b{n}" for n in range(100)]},
    }
    steps = [
        {"name": name, "handler": {"callable": handler}, "dependencies": before}
        for name, before in graphs[workload].items()
    ]
    name = f"{workload}_{handler}"
    # JSON is YAML.
    return json.dumps({"name": name, "namespace": _NAMESPACE, "version": "1.0.0", "steps": steps}), len(steps)


#: Steps of one submission of many tasks.
_STEPS_SUBMITTED = 1_000


class _Rig:
    """An engine, its worker, and the count of what its handlers did."""

    def __init__(self, tasker: Tasker, workload: str, handler: str) -> None:
        yaml, self.steps = template(workload, handler)
        self.tasker = tasker
        self.name = f"{workload}_{handler}"
        tasker.client.register_template(yaml)
        tasker.start_worker()

    def run_one(self) -> None:
        client = self.tasker.client
        task_uuid = client.submit(self.name, namespace=_NAMESPACE, context=_CONTEXT)
        # `tasker bench` does not look at the steps either.
        task = client.call("task.wait", task_uuid=task_uuid, timeout_ms=60_000, steps=False)
        if task["status"] != "complete":
            raise SystemExit(f"task {task_uuid} is `{task['status']}`: use another database")

    def throughput(self, tasks: int) -> float:
        """Seconds until so many tasks have ended, which are submitted as fast as they are taken."""
        client = self.tasker.client
        until = _calls() + tasks * self.steps
        size = max(1, _STEPS_SUBMITTED // self.steps)
        began = time.perf_counter()
        for first in range(0, tasks, size):
            left = tasks - first
            request = {"name": self.name, "namespace": _NAMESPACE, "context": _CONTEXT}
            client.create_tasks([request] * min(size, left))
            # Not far ahead of what is done, or the queue and not the engine would be measured.
            while until - _calls() > left * self.steps + 50 * _STEPS_SUBMITTED:
                time.sleep(0.001)
        while _calls() < until or client.list_tasks(_NAMESPACE, status=_OPEN, limit=1):
            time.sleep(0.001)
        return time.perf_counter() - began


_OPEN = ("pending", "in_progress")
_done = itertools.count()


def _calls() -> int:
    # Where a count stands is all that its repr tells; to ask it otherwise would move it on.
    return int(repr(_done)[len("count(") : -1])


def _do_nothing(context: StepContext) -> dict[str, bool]:
    next(_done)
    return {"done": True}


async def _await_nothing(context: StepContext) -> dict[str, bool]:
    next(_done)
    return {"done": True}


_HANDLERS = {"sync": _do_nothing, "async": _await_nothing}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tasker-bench", description=__doc__)
    parser.add_argument("--store", help="URL of a database; a SQLite file that is removed afterwards if not given")
    parser.add_argument("--workload", choices=["single", "diamond", "linear10", "fan100"], default="diamond")
    parser.add_argument("--handler", choices=list(_HANDLERS), default="sync")
    parser.add_argument("--tasks", type=int, help="tasks for the throughput; about 20,000 steps if not given")
    parser.add_argument(
        "--latency-tasks", type=int, help="tasks for the latency, one at a time; 200, or fewer if large"
    )
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--calls", type=int, help="in place of all that: the memory after every 20th of so many calls")
    options = parser.parse_args(arguments)

    registry = HandlerRegistry()
    registry.register(options.handler, _HANDLERS[options.handler])
    with tempfile.TemporaryDirectory(prefix="tasker-bench-") as folder:
        store = options.store or f"sqlite:{folder}/bench.db"
        with Tasker(store, registry=registry, slots=options.slots, log="warn") as tasker:
            rig = _Rig(tasker, options.workload, options.handler)
            _latency(rig, 10)
            if options.calls:
                _memory(rig, options.calls)
                return 0
            latency = _latency(rig, options.latency_tasks or min(200, max(5, 4_000 // rig.steps)))
            tasks = options.tasks or max(20_000 // rig.steps, 5)
            seconds = rig.throughput(tasks)
    figures = {
        "version": __version__,
        "workload": options.workload,
        "handler": options.handler,
        "slots": options.slots,
        "tasks_per_s": round(tasks / seconds),
        "steps_per_s": round(tasks * rig.steps / seconds),
        **latency,
    }
    print(json.dumps(figures))
    return 0


def _latency(rig: _Rig, tasks: int) -> dict[str, float]:
    taken = []
    for _ in range(tasks):
        began = time.perf_counter()
        rig.run_one()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return {"p50_ms": round(taken[len(taken) // 2], 3), "p99_ms": round(taken[len(taken) * 99 // 100], 3)}


def _memory(rig: _Rig, calls: int) -> None:
    print(json.dumps({"calls": 0, **_resident()}), flush=True)
    for part in range(20):
        rig.throughput(max(1, calls // rig.steps // 20))
        print(json.dumps({"calls": calls * (part + 1) // 20, **_resident()}), flush=True)


def _resident() -> dict[str, float]:
    """The process's own memory, and pages of files (programs, the database) that it sees in that of the kernel."""
    with open("/proc/self/status") as status:
        sizes = {line.partition(":")[0]: int(line.split()[1]) for line in status if line.startswith("Rss")}
    return {"own_mib": round(sizes["RssAnon"] / 1024, 1), "files_mib": round(sizes["RssFile"] / 1024, 1)}


if __name__ == "__main__":
    sys.exit(main())
