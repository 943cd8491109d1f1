"""``tasker-bench``: how fast steps with no-op handlers in Python run, in the workloads of ``tasker bench``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from . import HandlerRegistry, Tasker, __version__

_NAMESPACE = "bench_python"


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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tasker-bench", description=__doc__)
    parser.add_argument("--store", default="sqlite::memory:", help="URL of a database (default: %(default)s)")
    parser.add_argument("--workload", choices=["single", "diamond", "linear10", "fan100"], default="diamond")
    parser.add_argument("--handler", choices=["sync", "async"], default="sync")
    parser.add_argument("--tasks", type=int, default=2_000, help="tasks of the run for throughput")
    parser.add_argument("--one-by-one", type=int, default=200, help="tasks of the run for latency")
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument(
        "--memory", type=int, metavar="CALLS", help="show the memory after every tenth of so many calls"
    )
    options = parser.parse_args(arguments)

    registry = HandlerRegistry()
    registry.register("sync", lambda context: None)

    async def nothing(context: Any) -> None:
        return None

    registry.register("async", nothing)
    chosen = HandlerRegistry()
    chosen.register(options.handler, registry.resolve(options.handler))
    with Tasker(options.store, registry=chosen, slots=options.slots) as tasker:
        yaml, steps = template(options.workload, options.handler)
        tasker.client.call("template.put", yaml=yaml)
        tasker.start_worker()
        name = f"{options.workload}_{options.handler}"
        _throughput(tasker, name, 50)
        if options.memory:
            _memory(tasker, name, options.memory, steps)
            return 0
        seconds = _throughput(tasker, name, options.tasks)
        figures = {
            "version": __version__,
            "workload": options.workload,
            "handler": options.handler,
            "tasks_per_s": round(options.tasks / seconds),
            "steps_per_s": round(options.tasks * steps / seconds),
            **_latency(tasker, name, options.one_by_one),
        }
    print(json.dumps(figures))
    return 0


def _throughput(tasker: Tasker, name: str, tasks: int) -> float:
    """Seconds for so many tasks, submitted 500 at a time."""
    began = time.perf_counter()
    made: list[str] = []
    while len(made) < tasks:
        count = min(500, tasks - len(made))
        answers = tasker.client.create_tasks({"name": name, "namespace": _NAMESPACE} for _ in range(count))
        made.extend(answer.task_uuid for answer in answers)
    # Tasks of one priority end about in their order: waiting from the back waits once.
    for task in reversed(made):
        tasker.client.wait_for_task(task, timeout=600)
    return time.perf_counter() - began


def _latency(tasker: Tasker, name: str, tasks: int) -> dict[str, float]:
    taken = []
    for _ in range(tasks):
        began = time.perf_counter()
        tasker.client.wait_for_task(tasker.client.submit(name, namespace=_NAMESPACE))
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return {"p50_ms": round(taken[len(taken) // 2], 3), "p99_ms": round(taken[len(taken) * 99 // 100], 3)}


def _memory(tasker: Tasker, name: str, calls: int, steps: int) -> None:
    for part in range(10):
        _throughput(tasker, name, max(1, calls // steps // 10))
        print(json.dumps({"calls": calls * (part + 1) // 10, "rss_kb": _rss_kb()}), flush=True)


def _rss_kb() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


if __name__ == "__main__":
    sys.exit(main())
