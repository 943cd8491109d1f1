"""Every case of every example, with the handlers in Python: it must end as it does with those in Rust."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from tasker_core import HandlerRegistry, Task, Tasker
from tasker_core.errors import CallError

EXAMPLES = ROOT / "examples"
FOLDERS = sorted(template.parent for template in EXAMPLES.glob("*/cases.yaml"))
PATIENCE = 60

sys.path.insert(0, str(EXAMPLES))


@pytest.fixture(scope="module")
def handlers() -> HandlerRegistry:
    registry = HandlerRegistry()
    for folder in FOLDERS:
        HandlerRegistry.instance().clear()
        importlib.import_module(f"{folder.name}.handlers")
        for name in HandlerRegistry.instance().list_handlers():
            registry._handlers[name] = HandlerRegistry.instance()._handlers[name]
    return registry


def test_every_case_of_every_example_ends_as_it_says(
    handlers: HandlerRegistry, database_url: str, tmp_path: Path
) -> None:
    cases = [(folder, case) for folder in FOLDERS for case in yaml.safe_load((folder / "cases.yaml").read_text())]
    assert len(cases) >= 30
    differences = []
    for environment in sorted({case.get("environment", "test") for _, case in cases}):
        with Tasker(database_url, registry=handlers, environment=environment) as tasker:
            here = [(folder, case) for folder, case in cases if case.get("environment", "test") == environment]
            runs = [(folder, case, submitted(tasker, folder, case, tmp_path)) for folder, case in here]
            tasker.start_worker()
            for folder, case, run in runs:
                found = list(differences_of(tasker, case, run))
                differences += [f"{folder.name} / {case['name']}: {difference}" for difference in found]
    assert not differences, "\n".join(differences)


def submitted(tasker: Tasker, folder: Path, case: dict[str, Any], tmp_path: Path) -> str | CallError:
    template = tasker.template(folder / "template.yaml")[0]
    context = with_directory(case["input"], str(tmp_path))
    try:
        task_uuid = tasker.client.submit(template.name, namespace=template.namespace, context=context)
    except CallError as error:
        return error
    for signal in case.get("signals", []):
        assert refusal(tasker, task_uuid, signal) == signal.get("refused"), f"{case['name']}: {signal}"
    return task_uuid


def refusal(tasker: Tasker, task_uuid: str, signal: dict[str, Any]) -> str | None:
    try:
        tasker.client.signal_task(task_uuid, signal["signal"], signal.get("payload"), by=signal.get("by"))
    except CallError as error:
        return error.code
    return None


def resolve_when_blocked(tasker: Tasker, task_uuid: str, resolve: dict[str, Any]) -> None:
    """What an operator does for a task that waits for one."""
    until = time.monotonic() + PATIENCE
    while tasker.client.get_task(task_uuid).status != "blocked_by_failures":
        assert time.monotonic() < until
        with pytest.raises(CallError):
            tasker.client.wait_for_task(task_uuid, timeout=0.02)
    tasker.client.resolve_task(task_uuid, resolve["resolve"], result=resolve["result"])


def differences_of(tasker: Tasker, case: dict[str, Any], run: str | CallError) -> Any:
    expect = case["expect"]
    if isinstance(run, CallError):
        if expect.get("refused") != run.code:
            yield f"refused: {run}"
        return
    if "refused" in expect:
        yield f"accepted, and not refused with {expect['refused']}"
        return
    if "when_blocked" in case:
        resolve_when_blocked(tasker, run, case["when_blocked"])
    task = tasker.client.wait_for_task(run, PATIENCE)
    yield from compared("state", expect["state"], task.status)
    yield from compared("error_code", expect.get("error_code"), code_of(task))
    steps = {step.name: step for step in task.steps}
    for name, wanted in expect.get("steps", {}).items():
        step = steps[name]
        yield from compared(f"{name}.state", wanted["state"], step.current_state)
        if "attempts" in wanted:
            yield from compared(f"{name}.attempts", wanted["attempts"], step.attempts)
        # The last failure stays with a step that succeeded later.
        failed = code_of(step) if step.current_state == "error" else None
        yield from compared(f"{name}.error_code", wanted.get("error_code"), failed)
        if "result" in wanted:
            yield from compared_within(f"{name}.result", wanted["result"], step.results)
    names = expect.get("in_order", [])
    for earlier, later in zip(names, names[1:], strict=False):
        ended, began = steps[earlier].completed_at, steps[later].started_at
        if not (ended and began and ended <= began):
            yield f"{later} began at {began}, not after {earlier} had ended at {ended}"


def code_of(document: Task | Any) -> str | None:
    return document.error["code"] if document.error else None


def compared(place: str, wanted: Any, got: Any) -> Any:
    if wanted != got:
        yield f"{place}: expected {wanted!r}, got {got!r}"


def compared_within(place: str, wanted: Any, got: Any) -> Any:
    """Every key that is expected must be there and be equal; keys that are not expected may be there."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key, value in wanted.items():
            yield from compared_within(f"{place}.{key}", value, got.get(str(key), "nothing"))
    else:
        yield from compared(place, wanted, got)


def with_directory(value: Any, directory: str) -> Any:
    if isinstance(value, str):
        return value.replace("${tmp}", directory)
    if isinstance(value, list):
        return [with_directory(item, directory) for item in value]
    if isinstance(value, dict):
        return {key: with_directory(item, directory) for key, item in value.items()}
    return value
