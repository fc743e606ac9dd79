"""What can go wrong between here and a server, each as an error that says which it was. No body, no key, no query."""

import json
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from workbench.errors import EndpointError
from workbench.words.format import printable

_SAID = 160  # characters of a server's own explanation
_LONGEST_WAIT_S = 3600.0


def kind_of(error: EndpointError) -> str:
    """A word to count by: refused, status 503, stalled …"""
    name = error.code.removeprefix("endpoint.")
    return f"status {error.params['status']}" if "status" in error.params else name


def broken(error: BaseException, where: str) -> EndpointError:
    """Nobody answered, or the answer broke off. `where`: host and port as people may read them."""
    problem = printable(_last(error), 120)
    chain = list(_chain(error))
    if isinstance(error, httpx2.ConnectTimeout):
        return EndpointError("endpoint.connect_timeout", where=where)
    if isinstance(error, httpx2.ProxyError):
        return EndpointError("endpoint.proxy", where=where, problem=problem)
    if isinstance(error, httpx2.ConnectError):
        if any(isinstance(each, socket.gaierror) for each in chain):
            return EndpointError("endpoint.unknown_host", where=where)
        if any(isinstance(each, ssl.SSLError) for each in chain):
            return EndpointError("endpoint.tls", where=where, problem=problem)
        if any(isinstance(each, ConnectionRefusedError) for each in chain):
            return EndpointError("endpoint.refused", where=where)
        return EndpointError("endpoint.unreachable", where=where, problem=problem)
    if isinstance(error, httpx2.DecodingError):
        return EndpointError("endpoint.encoding", problem=problem)
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return EndpointError("endpoint.unreachable", where=where, problem=problem)
    return EndpointError("endpoint.cut_off", where=where, problem=problem)


def refused(response: httpx2.Response, body: bytes, served: str, key: str | None) -> EndpointError:
    """An answer with a status that is none of success."""
    status = response.status_code
    said = _said(body, response.headers.get("content-type", ""), key)
    if status == 401:
        return EndpointError("endpoint.unauthorized", status=status, said=said)
    if status == 403:
        return EndpointError("endpoint.forbidden", status=status, said=said)
    if status == 404:
        return EndpointError("endpoint.not_found", status=status, served=printable(served, 80), said=said)
    if status == 429:
        wait = retry_after(response.headers.get("retry-after"))
        after = "?" if wait is None else f"{wait:g}"
        return EndpointError("endpoint.too_many", status=status, after=after, said=said)
    if status >= 500:
        return EndpointError("endpoint.server_failed", status=status, said=said)
    return EndpointError("endpoint.rejected", status=status, said=said)


def told(value: Any, key: str | None) -> EndpointError:
    """A stream or a body with status 200 that holds an error."""
    return EndpointError("endpoint.error_inside", said=_words(value, key))


def retry_after(header: str | None) -> float | None:
    """Seconds to wait, from a number or a date (RFC 9110, 10.2.3); None: not told, or not readable."""
    if not header:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", header.strip()):
        seconds = float(header)
    else:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def _said(body: bytes, content_type: str, key: str | None) -> str:
    """The explanation that an error's JSON body holds; of anything else only what it is."""
    try:
        return _words(json.loads(body), key)
    except ValueError:
        return printable(content_type.partition(";")[0] or "–", 40)


def _words(value: Any, key: str | None) -> str:
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(name):
            value = value[name]
    found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if key:
        found = found.replace(key, "…")  # some servers repeat the key that they refuse
    return printable(" ".join(found.split()), _SAID)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    if error is None:
        return
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _chain(each)
    yield from _chain(error.__cause__ or error.__context__)


def _last(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
