"""Calls of web APIs from handlers, with failures that a step's retry policy understands."""

from __future__ import annotations

import email.utils
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from .errors import (
    AuthenticationError,
    AuthorizationError,
    NetworkError,
    NotFoundError,
    PermanentError,
    RateLimitError,
    ServiceUnavailableError,
    StepFailure,
    TimeoutError,
    ValidationError,
)

_ANSWER_BYTES_MAX = 10 * 1024 * 1024


class ApiClient:
    """A small client for JSON over HTTP, under one base URL. It is shared by the attempts of a handler."""

    def __init__(self, base_url: str, *, timeout: float = 30.0, headers: Mapping[str, str] | None = None) -> None:
        if urllib.parse.urlsplit(base_url).scheme not in ("http", "https"):
            raise ValueError(f"{base_url!r} is no URL of a web API: it begins with http:// or https://")
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self.headers = dict(headers or {})

    def with_headers(self, headers: Mapping[str, str]) -> ApiClient:
        """A client that sends these besides; the same one if there are none."""
        if not headers:
            return self
        return ApiClient(self.base_url, timeout=self.timeout, headers={**self.headers, **headers})

    def get(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return self.request("GET", path, params=params, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.request("POST", path, body=body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.request("PUT", path, body=body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.request("PATCH", path, body=body, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer as JSON, as text if it is none, or None if it is empty.

        Raises what the answer means for the step: :class:`RateLimitError`, :class:`ServiceUnavailableError`,
        :class:`TimeoutError`, :class:`NetworkError` (retryable), or a :class:`PermanentError`.
        """
        url = f"{self.base_url}/{path.lstrip('/')}"
        if params:
            url += "?" + urllib.parse.urlencode(dict(params), doseq=True)
        data = None if body is None else json.dumps(body).encode()
        all_headers = {"Accept": "application/json", **self.headers, **dict(headers or {})}
        if data is not None:
            all_headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(url, data=data, headers=all_headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return _decoded(answer.read(_ANSWER_BYTES_MAX + 1))
        except urllib.error.HTTPError as error:
            with error:
                raise _failure_of(error, f"{method} {url}") from error
        except (OSError, urllib.error.URLError) as error:
            cause = getattr(error, "reason", error)
            if isinstance(cause, OSError) and "timed out" in str(cause):
                raise TimeoutError(f"{method} {url} did not answer within {self.timeout} s") from error
            raise NetworkError(f"{method} {url} did not answer: {cause}") from error


def _decoded(content: bytes) -> Any:
    if len(content) > _ANSWER_BYTES_MAX:
        raise PermanentError(f"the answer has more than {_ANSWER_BYTES_MAX} bytes", error_code="answer_too_large")
    if not content:
        return None
    text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _failure_of(error: urllib.error.HTTPError, what: str) -> StepFailure:
    status = error.code
    message = f"{what} answered {status} {error.reason}"
    context = {"status": status, "body": error.read(4096).decode("utf-8", "replace")}
    if status in (408, 504):
        return TimeoutError(message, context=context)
    if status == 429:
        return RateLimitError(message, context=context, retry_after=_seconds(error.headers.get("Retry-After")))
    if status == 425 or status >= 500:
        return ServiceUnavailableError(message, context=context, retry_after=_seconds(error.headers.get("Retry-After")))
    kinds: dict[int, type[PermanentError]] = {
        400: ValidationError,
        401: AuthenticationError,
        403: AuthorizationError,
        404: NotFoundError,
        410: NotFoundError,
        422: ValidationError,
    }
    if status in kinds:
        return kinds[status](message, context=context)
    return PermanentError(message, error_code=f"http_{status}", context=context)


def _seconds(retry_after: str | None) -> float | None:
    """The header is a number of seconds or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
