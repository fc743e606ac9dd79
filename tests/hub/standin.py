"""A hub on the loopback that answers what huggingface_hub 2.4 and modelscope_hub 0.5 ask, and misbehaves on demand.

As the hub does: small files come from /resolve itself, large ones (LFS) by a redirect to a content server, which here
is a second port. It also answers as a plain HTTP proxy (a request line with a whole address). A fault is set for a file
name, or for the word "api", and lasts for a number of answers.
"""

import hashlib
import json
import re
import socket
import sys
import threading
import time
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.repository import LFS, Fault, Repository, entry, git_blob

_CHUNK = 1 << 14


class StandIn:
    """`requests`: method and path of everything asked, in order; `served`: bytes sent by file name."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[str] = []
        self.tokens: list[tuple[str, str | None]] = []  # who was told which authorization: ("hub" | "content", header)
        self.served: Counter[str] = Counter()
        self.claimed: dict[str, int] = {}  # sizes that the listing states, where they are not true
        self.proxied = 0
        self.slow_s = 0.0  # a pause after every 16 KiB
        self.stalled = threading.Event()
        self.closing = threading.Event()
        self.hub = _server(self, "hub")
        self.content = _server(self, "content")
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            for server in (self.hub, self.content)
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.hub.server_address[1]}"

    def publish(self, name: str, folder: Path, revision: str = "main", **more: bytes) -> None:
        """The files of `folder` (and `more`) as a revision of repository `name`; the same under ModelScope's branch."""
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        repository = self.repositories.setdefault(name, Repository())
        repository.revisions[revision] = files | more

    def fault(self, word: str) -> Fault | None:
        """The fault for a file, used up by one answer."""
        fault = self.faults.get(word)
        if fault is None or fault.times <= 0:
            return None
        fault.times -= 1
        return fault

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.closing.set()
        for server in (self.hub, self.content):
            server.shutdown()
            server.server_close()


def dead_url() -> str:
    """An address of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients are killed here
            super().handle_error(request, client_address)


def _server(standin: StandIn, role: str) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"standin": standin, "role": role})
    return _Server(("127.0.0.1", 0), handler)


class _Handler(BaseHTTPRequestHandler):
    standin: StandIn
    role: str
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class's name
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.netloc:  # asked as a proxy
            self.standin.proxied += 1
        path, query = unquote(parts.path), {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.standin.requests.append(f"{self.command} {path}")
        self.standin.tokens.append((self.role, self.headers.get("Authorization")))
        if self.role == "content" or parts.port == self.standin.content.server_address[1]:
            self._content(path)
            return
        if path.startswith("/portal/"):
            self._page()
            return
        if path.startswith("/api/"):
            fault = self.standin.fault("api")
            if fault is not None:
                self._misbehave(fault)
                return
        for pattern, answer in _ROUTES:
            if found := re.fullmatch(pattern, path):
                answer(self, query, **found.groupdict())
                return
        self._refuse(404, "EntryNotFound")
        return

    def _repository(self, name: str, revision: str) -> Repository | None:
        repository = self.standin.repositories.get(name)
        if repository is None:
            self._refuse(401, "RepoNotFound")  # as the hub answers those without a token
        elif repository.commit(revision) is None:
            self._refuse(404, "RevisionNotFound")
            return None
        return repository

    def info(self, _query: dict[str, str], name: str, revision: str | None = None) -> None:
        if repository := self._repository(name, revision or "main"):
            commit = repository.commit(revision or "main")
            self._json({"id": name, "modelId": name, "sha": commit, "private": False, "tags": [], "siblings": []})

    def tree(self, _query: dict[str, str], name: str, revision: str) -> None:
        if repository := self._repository(name, revision):
            self._json(
                [
                    entry(path, content, self.standin.claimed.get(path))
                    for path, content in repository.files(revision).items()
                ]
            )

    def resolve(self, _query: dict[str, str], name: str, revision: str, path: str) -> None:
        repository = self._repository(name, revision)
        if repository is None:
            return
        content = repository.files(revision).get(path)
        if content is None:
            self._refuse(404, "EntryNotFound")
            return
        fault = self.standin.faults.get(path)
        if fault is not None and fault.kind == "status" and self.standin.fault(path):
            self._misbehave(fault)
            return
        large = path.endswith(LFS)
        etag = hashlib.sha256(content).hexdigest() if large else git_blob(content)
        headers = {"X-Repo-Commit": repository.commit(revision) or "", "ETag": f'"{etag}"'}
        if not large:
            self._send(path, content, headers)
            return
        headers |= {"X-Linked-ETag": f'"{etag}"', "X-Linked-Size": str(len(content))}
        host = f"http://127.0.0.1:{self.standin.content.server_address[1]}"
        if fault is not None and fault.kind == "dead" and self.standin.fault(path):
            host = dead_url()
        self._answer(302, {**headers, "Location": f"{host}/{name}/{etag}/{path}?Signature=secret"})

    def modelscope_files(self, query: dict[str, str], name: str) -> None:
        repository = self.standin.repositories.get(name)
        if repository is None:
            self._json({"Code": 10010205001, "Message": "not found", "Success": False}, 404)
            return
        claimed = self.standin.claimed
        files = [
            {
                "Path": path,
                "Size": claimed.get(path, len(content)),
                "Type": "blob",
                "Sha256": hashlib.sha256(content).hexdigest(),
            }
            for path, content in repository.files(query.get("Revision", "master").replace("master", "main")).items()
        ]
        self._json({"Code": 200, "Data": {"Files": files}, "Success": True})

    def modelscope_file(self, query: dict[str, str], name: str) -> None:
        content = self.standin.repositories[name].files("main")[query["FilePath"]]
        self._send(query["FilePath"], content, {})

    def _content(self, path: str) -> None:
        _, owner, name, etag, file = path.split("/", 4)
        repository = self.standin.repositories[f"{owner}/{name}"]
        for files in repository.revisions.values():
            content = files.get(file)
            if content is not None and hashlib.sha256(content).hexdigest() == etag:
                self._send(file, content, {"ETag": f'"{etag}"'})
                return
        self._refuse(404, "EntryNotFound")
        return

    def _send(self, path: str, content: bytes, headers: dict[str, str]) -> None:
        """The file, or the part of it that was asked for, with the fault that is set for it."""
        fault = self.standin.fault(path) if self.command == "GET" else None
        if fault is not None and fault.kind == "status":
            self._misbehave(fault)
            return
        if fault is not None and fault.kind == "corrupt":
            content = content[:-1] + bytes([content[-1] ^ 1])
        status, start = 200, 0
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            status, start = 206, int(found[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        self._answer(status, {**headers, "Content-Length": str(len(body)), "Accept-Ranges": "bytes"})
        if self.command == "HEAD":
            return
        for at in range(0, len(body), _CHUNK):
            piece = body[at : at + _CHUNK]
            if fault is not None and fault.kind in ("stall", "cut"):
                piece = piece[: max(0, fault.after - at)]
            try:
                self.wfile.write(piece)
            except OSError:  # the client has gone
                return
            self.standin.served[path] += len(piece)
            time.sleep(self.standin.slow_s)
            if fault is not None and fault.kind in ("stall", "cut") and at + _CHUNK >= fault.after:
                self.wfile.flush()
                if fault.kind == "stall":
                    self.standin.stalled.set()
                    self.standin.closing.wait(60)
                self.close_connection = True
                self.connection.close()
                return

    def _misbehave(self, fault: Fault) -> None:
        if fault.kind == "stall":
            self.standin.stalled.set()
            self.standin.closing.wait(60)
            self.close_connection = True
            return
        self._refuse(fault.status, fault.error)

    def _refuse(self, status: int, error: str) -> None:
        self._answer(status, {"X-Error-Code": error, "X-Error-Message": error, "Content-Length": "0"})

    def _page(self) -> None:
        """What a network that wants a login answers to everything."""
        body = b"<html>Welcome to the network</html>"
        self._answer(200, {"Content-Type": "text/html", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _json(self, document: Any, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self._answer(status, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        if self.command == "GET":
            self.wfile.write(body)

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status, HTTPStatus(status).phrase)
        for name, value in ({"Content-Length": "0"} | headers if 300 <= status < 400 else headers).items():
            self.send_header(name, value)
        self.end_headers()


_NAME = r"(?P<name>[\w.-]+/[\w.-]+)"
_ROUTES: tuple[tuple[str, Any], ...] = (
    (rf"/api/models/{_NAME}", _Handler.info),
    (rf"/api/models/{_NAME}/revision/(?P<revision>.+)", _Handler.info),
    (rf"/api/models/{_NAME}/tree/(?P<revision>.+)", _Handler.tree),
    (rf"/{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _Handler.resolve),
    (rf"/api/v1/models/{_NAME}/repo/files", _Handler.modelscope_files),
    (rf"/api/v1/models/{_NAME}/repo", _Handler.modelscope_file),
)
