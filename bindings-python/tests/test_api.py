"""Handlers of web APIs, against a server of this process."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ROOT, template
from tasker_core import NetworkError, Tasker, api_handler, errors
from tasker_core.api import ApiClient
from tasker_core.errors import StepFailure


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names, and with what it was asked."""

    def do_GET(self) -> None:
        status = int(self.path.split("/")[1].split("?")[0])
        length = int(self.headers.get("Content-Length") or 0)
        asked = {"path": self.path, "key": self.headers.get("X-Key"), "body": self.rfile.read(length).decode()}
        asked["traceparent"] = self.headers.get("traceparent")
        content = b"" if status == 204 else json.dumps(asked).encode()
        self.send_response(status)
        if status in (429, 503):
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_answer_is_the_result(base_url: str) -> None:
    @api_handler("it", base_url=base_url, headers={"X-Key": "k"})
    def ask(api: ApiClient, context: Any) -> Any:
        return [api.get("/200", params={"q": "a b"}), api.post("200", {"n": context.get_input("n")}), api.get("204")]

    with Tasker() as tasker:
        tasker.template(template("api", "name: it, handler: {callable: it}"))
        got, posted, nothing = tasker.run("api", context={"n": 5}).results["it"]
    assert (got["path"], got["key"], nothing) == ("/200?q=a+b", "k", None)
    assert json.loads(posted["body"]) == {"n": 5}


def test_calls_go_on_in_the_trace_of_the_task(base_url: str) -> None:
    @api_handler("it", base_url=base_url)
    def ask(api: ApiClient, context: Any) -> Any:
        return api.get("200")

    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with Tasker() as tasker:
        tasker.template(template("traced", "name: it, handler: {callable: it}"))
        traced = tasker.run("traced", traceparent=traceparent).results["it"]
        alone = tasker.run("traced").results["it"]
    assert (traced["traceparent"], alone["traceparent"]) == (traceparent, None)


FAILURES = json.loads((ROOT / "tasker-worker/tests/failures.json").read_text())


@pytest.mark.parametrize(("status", "told"), FAILURES["statuses"].items())
def test_a_status_says_whether_to_try_again(base_url: str, status: str, told: list[str]) -> None:
    with pytest.raises(StepFailure) as raised:
        ApiClient(base_url).get(status)
    error = raised.value
    assert ["retryable" if error.retryable else "permanent", error.code] == told
    assert getattr(error, "retry_after", None) == (7.0 if status in ("429", "503") else None)
    assert error.context is not None and error.context["status"] == int(status)


def test_errors_and_their_codes_are_those_of_every_language() -> None:
    for name, told in FAILURES["errors"].items():
        error = getattr(errors, name)("x")
        assert ["retryable" if error.retryable else "permanent", error.code] == told, name


def test_what_does_not_answer_is_retryable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NetworkError):
            ApiClient(f"http://127.0.0.1:{taken.getsockname()[1]}").get("/")
    with pytest.raises(ValueError, match="ftp"):
        ApiClient("ftp://example.org")
