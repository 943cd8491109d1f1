"""What every test needs: the installed package (never the source beside it), databases, and a registry of its own."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import pytest
import tasker_core
from tasker_core import HandlerRegistry

ROOT = pathlib.Path(__file__).resolve().parents[2]

assert ROOT / "bindings-python" not in pathlib.Path(tasker_core.__file__).parents, "test the wheel, not the source"


def _databases() -> list[str]:
    postgres = os.environ.get("TASKER_TEST_DATABASE_URL")
    return ["sqlite::memory:", *([postgres] if postgres else [])]


@pytest.fixture(params=_databases(), ids=lambda url: url.split(":")[0])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def registry() -> Iterator[HandlerRegistry]:
    """Decorators register with the one instance: each test begins with an empty one."""
    instance = HandlerRegistry.instance()
    before = dict(instance._handlers)
    instance.clear()
    yield instance
    instance.clear()
    instance._handlers.update(before)


def template(name: str, *steps: str, namespace: str = "default", more: str = "") -> str:
    """The YAML of a template; each step is the inside of a flow mapping."""
    lines = "".join(f"\n  - {{{step}}}" for step in steps)
    return f"name: {name}\nnamespace: {namespace}\nversion: 1.0.0\nsteps:{lines}\n{more}"
