"""A small HTTP server on the loopback that streams as OpenAI-compatible servers do, and misbehaves on demand.

It is real: the client talks HTTP/1.1 to it over a socket. `behave` picks what it does to /chat/completions.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

WORDS = ("The", " sea", " is", " wide", ".")
MODEL = "tiny"


def chunk(text: str | None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream."""
    delta = {"role": "assistant"} if text is None else {"content": text}
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps({**body, **more}).encode() + b"\n\n"


def whole(text: str = "".join(WORDS), finish: str = "stop", **more: Any) -> dict[str, Any]:
    """One unstreamed answer."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 7, "completion_tokens": len(WORDS)}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage, **more}


class Talk:
    """One request and the way to answer it."""

    def __init__(self, line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        self.method, self.path, _version = line.split(" ", 2)
        self.headers = headers
        self.body = json.loads(body) if body else {}
        self._writer = writer
        self.keep = False  # the connection, for the next request

    async def head(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        named = {"content-type": kind, "server": "bad/1.0", "connection": "close", **headers}
        lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in named.items())]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def json(self, body: Any, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.head(status, "application/json", content_length=str(len(data)), **headers)
        await self.send(data)

    async def stream(self, words: tuple[str, ...] = WORDS, pause_s: float = 0.0, usage: bool = True) -> None:
        """A good stream, the role first, as servers send it before they have computed anything."""
        await self.head()
        await self.send(chunk(None))
        for word in words:
            await asyncio.sleep(pause_s)
            await self.send(chunk(word))
        counted = {"usage": {"prompt_tokens": 7, "completion_tokens": len(words)}} if usage else {}
        await self.send(chunk("", "stop", **counted) + b"data: [DONE]\n\n")


Behaviour = Callable[[Talk], Awaitable[None]]


async def good(talk: Talk) -> None:
    await (talk.stream() if talk.body.get("stream") else talk.json(whole()))


async def slow(talk: Talk) -> None:
    await (talk.stream(pause_s=0.02) if talk.body.get("stream") else talk.json(whole()))


class Server:
    """`asked`: each request's Talk, in order; `models`: what /v1/models lists, or a behaviour."""

    def __init__(self, behave: Behaviour = good, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.behave = behave
        self.models: Any = [MODEL]
        self.beside: dict[str, Behaviour] = {}  # path -> what answers there
        self.asked: list[Talk] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(5)

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._one, "127.0.0.1", 0, limit=1 << 22, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await server.serve_forever()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, new: bool = True) -> None:
        self.connections += new
        try:
            if (first := await reader.readexactly(1)) == b"\x16":  # a TLS greeting: answered as uvicorn and nginx do
                writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
                return
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            talk = Talk(head[0], headers, body, writer)
            self.asked.append(talk)
            await self._answer(talk)
            if talk.keep:
                await self._one(reader, writer, new=False)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, as it may, or the test is over
        finally:
            writer.close()

    async def _answer(self, talk: Talk) -> None:
        path = talk.path.partition("?")[0]
        if path in self.beside:
            await self.beside[path](talk)
        elif path == "/v1/models" and callable(self.models):
            await self.models(talk)
        elif path == "/v1/models":
            await talk.json({"object": "list", "data": [{"id": name} for name in self.models]})
        elif path in ("/v1/chat/completions", "/v1/completions"):
            await self.behave(talk)
        else:
            await talk.json({"detail": "Not Found"}, 404)
