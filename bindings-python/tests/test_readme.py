"""The scripts of the README run as they stand, in a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "bindings-python/README.md").read_text(), re.M | re.S)


def run(script: str, folder: Path, *then: str) -> str:
    (folder / "script.py").write_text(script)
    environment = {**os.environ, "DATABASE_URL": f"sqlite:{folder}/tasker.db"}
    answer = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_embedded_script(tmp_path: Path) -> None:
    assert len(BLOCKS[0].strip().splitlines()) <= 20
    assert run(BLOCKS[0], tmp_path) == "{'greet': {'text': 'Hello, Ada!'}, 'shout': 'HELLO, ADA!'}\n"


def test_the_worker_example(tmp_path: Path) -> None:
    """The worker runs until it is told to stop: here by a task that it runs, whose handler sends the signal."""
    worker, client = BLOCKS[1], BLOCKS[2]
    (tmp_path / "templates").mkdir()
    template = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "bindings-python/README.md").read_text(), re.M | re.S)[0]
    (tmp_path / "templates" / "order.yaml").write_text(template)
    (tmp_path / "worker.py").write_text(worker)
    environment = {**os.environ, "DATABASE_URL": f"sqlite:{tmp_path}/tasker.db"}
    process = subprocess.Popen([sys.executable, "worker.py"], cwd=tmp_path, env=environment)
    try:
        assert run(_until_registered(client), tmp_path) == "complete 2640\n"
    finally:
        process.terminate()
    assert process.wait(timeout=60) == 0


def _until_registered(client: str) -> str:
    """The client's script, once the worker has registered the template."""
    return (
        "import threading\nfrom tasker_core import TaskerClient\nwaiting_for = threading.Event()\n"
        "with TaskerClient() as waiting:\n    while not waiting.list_templates():\n        waiting_for.wait(0.02)\n"
        + client
    )
