"""The HTTP end of a monitor: GET /metrics and nothing else, on the address that was agreed to."""

import errno
import ipaddress
import logging
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from workbench.errors import ConfigError, WorkbenchError
from workbench.words import text

PATH = "/metrics"
_CLIENT_S = 10.0  # for a client that connects and says nothing
_POLL_S = 0.05
_log = logging.getLogger(__name__)
_Start = Callable[..., Any]


def checked(address: str, port: int, allow_remote: bool) -> str:
    """The address as numbers. ConfigError for one that is none, that is not this machine's loopback, or a bad port."""
    try:
        where = ipaddress.ip_address("127.0.0.1" if address == "localhost" else address)
    except ValueError:
        raise ConfigError("monitor.bad_address", address=repr(address)) from None
    if not where.is_loopback and not allow_remote:
        raise ConfigError("monitor.not_loopback", address=address)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ConfigError("monitor.bad_port", port=repr(port))
    return str(where)


class Server:
    """Listens from its beginning until `close`. WorkbenchError when the port is taken or refused."""

    def __init__(self, registry: CollectorRegistry, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            self._http = _Http((address, port), family, _only_metrics(registry, address))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise WorkbenchError("monitor.port_taken", address=address, port=port) from None
            raise WorkbenchError("monitor.cannot_listen", address=address, port=port, problem=str(error)) from None
        self.address = address
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_POLL_S,), name="workbench-monitor", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}{PATH}"

    def close(self) -> None:
        """Ends listening and frees the port; an answer that is under way is not waited for."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5.0)


class _Http(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows it would let two programs share a port

    def __init__(self, where: tuple[str, int], family: socket.AddressFamily, app: Any) -> None:
        self.address_family = family
        super().__init__(where, _Handler)
        self.set_app(app)

    def server_bind(self) -> None:
        """Without HTTPServer's own: it asks the network for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, _request: Any, _client: Any) -> None:
        """A client that went away is no event; anything else is."""
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        _log.log(level, "a scrape failed", exc_info=error)


class _Handler(WSGIRequestHandler):
    timeout = _CLIENT_S

    def log_message(self, *_: Any) -> None:
        """Scrapes are no news."""


def _only_metrics(registry: CollectorRegistry, address: str) -> Callable[[dict[str, Any], _Start], Iterable[bytes]]:
    metrics = make_wsgi_app(registry)
    on_loopback = ipaddress.ip_address(address).is_loopback

    def app(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        # A page of another site can lead its own name to 127.0.0.1 and read what answers: the name betrays it.
        if on_loopback and not _is_loopback(environ.get("HTTP_HOST", "")):
            return _say(start, "403 Forbidden", text("monitor.foreign_host"))
        if environ.get("PATH_INFO") != PATH:
            return _say(start, "404 Not Found", text("monitor.only", path=PATH))
        answer: Iterable[bytes] = metrics(environ, start)
        return answer

    return app


def _is_loopback(host: str) -> bool:
    name = host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _say(start: _Start, status: str, words: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{words}\n".encode()]
