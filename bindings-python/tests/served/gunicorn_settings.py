"""Settings of gunicorn for `app`: two processes, each with a worker that is made after the fork."""

from typing import Any

bind = "127.0.0.1:0"
workers = 2
preload_app = True
control_socket_disable = True
# For a machine that is busy with something else.
timeout = graceful_timeout = 120


def when_ready(server: Any) -> None:
    from app import say

    say("ready", server.LISTENERS[0].sock.getsockname()[1])


def post_fork(server: Any, worker: Any) -> None:
    from app import say, start_worker

    start_worker()
    say("worker", worker.pid)


def worker_exit(server: Any, worker: Any) -> None:
    from app import say

    say("exit", worker.pid)
