"""A worker in each process of gunicorn, which loads the application before it forks."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import urllib.request
from typing import Any

from tasker_core import TaskerClient

PATIENCE = 120


def test_requests_run_tasks_and_a_stop_drains(tmp_path: Any) -> None:
    url = f"sqlite:{tmp_path}/tasker.db"
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "gunicorn_settings.py", "app:app"],
        cwd=pathlib.Path(__file__).parent / "served",
        env={**os.environ, "TASKER_DATABASE": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    heard: list[list[str]] = []

    def hear(word: str, times: int = 1) -> list[str]:
        """What the processes of the server said behind a word."""
        assert server.stdout is not None
        while len(said := [line[1:] for line in heard if line[0] == word]) < times:
            line = server.stdout.readline()
            assert line, heard
            heard.append(line.split())
        return [words[0] if words else "" for words in said]

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{hear('ready')[0]}{path}", timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    try:
        workers = set(hear("worker", 2))
        assert {get("/quick") for _ in range(10)} <= workers
        slow = get("/slow")
        hear("begun")
        server.send_signal(signal.SIGTERM)
        assert set(hear("exit", 2)) == workers
        server.stdin.write("drained")
        server.stdin.close()
        assert server.wait(PATIENCE) == 0
    finally:
        server.kill()
    with TaskerClient(url) as client:
        task = client.get_task(slow)
        assert (task.status, task.results["it"]) == ("complete", "drained")
