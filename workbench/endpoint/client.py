"""One conversation after another with an OpenAI-compatible server: bounded in time, in size and in redirects."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from workbench.endpoint.address import Address
from workbench.endpoint.failures import broken, refused
from workbench.endpoint.patience import Patience
from workbench.endpoint.prompts import Ask
from workbench.endpoint.replies import Reply, answer, content_of, models, parsed
from workbench.endpoint.sse import Events
from workbench.errors import ConfigError, EndpointError

T = TypeVar("T")
KEY_VARIABLE = "WORKBENCH_ENDPOINT_KEY"
_MOST_BYTES = 16 << 20  # of one whole body
_MOST_REDIRECTS = 3
_LINGER_S = 0.5  # for what comes after [DONE], or with a refusal
_MOST_SAID = 1 << 16
_UNKNOWN_FIELD = (400, 422)  # what servers say of a field they do not know
# asked for where the server knows them: token ids of vLLM, and logprobs, which name each token
_IDS: tuple[dict[str, Any], ...] = ({"logprobs": True, "return_token_ids": True}, {"logprobs": True}, {})
_USAGE: tuple[dict[str, Any], ...] = ({"stream_options": {"include_usage": True}}, {})


@dataclass
class Timed:
    """A streamed answer with the moments (perf_counter) of its request, of each chunk that brought text, of its end."""

    began: float
    ended: float = 0.0
    reply: Reply = field(default_factory=lambda: Reply(streamed=True))
    stamps: list[float] = field(default_factory=list)


class Client:
    """`async with Client(…)`: connections are kept between requests.

    served  the model's name there; "" until it is known
    key     sent as a bearer token; never shown
    """

    def __init__(self, where: Address, patience: Patience, *, served: str = "", key: str | None = None) -> None:
        self.where = where
        self.patience = patience
        self.served = served
        self.software: str | None = None
        self._key = key
        self._fields: dict[str, int] = {}  # which rung of optional fields the server took
        headers = {"accept-encoding": "identity", "user-agent": "workbench"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        try:
            self._http = httpx2.AsyncClient(
                headers=headers,
                timeout=httpx2.Timeout(None, connect=patience.connect),  # the others are ours: `_within`
                # a server may close an idle connection just as it is used again, uvicorn after 5 s
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=2.0),
                trust_env=not where.local,  # no proxy between here and here
            )
        except (ImportError, ValueError, OSError) as error:  # a proxy or a certificate file that cannot be used
            raise ConfigError("endpoint.no_client", problem=f"{type(error).__name__}: {error}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def models(self) -> list[str]:
        """The names of the models there. EndpointError."""
        return models(parsed(await self._body("GET", self.where.url("models"), None), self._key))

    async def ask(self, what: Ask, new_tokens: int) -> Reply:
        """The whole answer at temperature 0, with token ids where the server tells them. EndpointError."""
        rungs = _IDS if what.messages is not None else ({"logprobs": 0}, {})
        url, request = self.where.url(what.path), self._request(what, new_tokens)
        body = await self._tolerated(what.path, rungs, lambda more: self._body("POST", url, request | more))
        return answer(parsed(body, self._key))

    async def stream(self, what: Ask, new_tokens: int) -> Timed:
        """The answer at temperature 0 as it comes. EndpointError, also for one that ends without [DONE] and finish."""
        url, request = self.where.url(what.path), self._request(what, new_tokens) | {"stream": True}
        timed = await self._tolerated(f"stream {what.path}", _USAGE, lambda more: self._streamed(url, request | more))
        timed.ended = timed.ended or time.perf_counter()
        return timed

    async def _tolerated(
        self, kept: str, rungs: Sequence[dict[str, Any]], send: Callable[[dict[str, Any]], Awaitable[T]]
    ) -> T:
        """What `send` gives with the first of these optional fields that the server takes; it is remembered."""
        for place in range(self._fields.get(kept, 0), len(rungs)):
            try:
                found = await send(rungs[place])
            except EndpointError as error:
                if error.params.get("status") not in _UNKNOWN_FIELD or place + 1 == len(rungs):
                    raise
            else:
                self._fields[kept] = place
                return found
        raise AssertionError("the last one returns or raises")

    async def beside(self, path: str, body: dict[str, Any]) -> Any:
        """What a call outside the OpenAI API answers; None where it is not offered."""
        try:
            return parsed(await self._body("POST", self.where.beside(path), body), self._key)
        except EndpointError:
            return None

    def _request(self, what: Ask, new_tokens: int) -> dict[str, Any]:
        named = {"model": self.served} if self.served else {}
        return {**named, **what.fields, "max_tokens": new_tokens, "temperature": 0}

    async def _streamed(self, url: str, request: dict[str, Any]) -> Timed:
        timed = Timed(began=time.perf_counter())
        until = min(self.patience.first, self.patience.total)
        async with self._open("POST", url, request, until) as response:
            kind = content_of(response.headers.get("content-type", ""))
            if kind != "events":  # some servers answer whole, whatever was asked
                timed.reply = answer(parsed(await self._read(response, kind, timed.began), self._key))
                return timed
            events, reply, last = Events(), timed.reply, timed.began + self.patience.total
            deadline, waiting = min(timed.began + self.patience.first, last), "first"
            blocks = response.aiter_bytes().__aiter__()
            while (block := await self._next(blocks, deadline, "total" if deadline == last else waiting)) is not None:
                for data in events.feed(block):
                    if data == "[DONE]":
                        reply.done = True
                        timed.ended = time.perf_counter()
                        await self._drain(blocks)
                        return timed
                    if reply.take(parsed(data, self._key)):
                        now = time.perf_counter()
                        timed.stamps.append(now)
                        deadline, waiting = min(now + self.patience.gap, last), "gap"
        if reply.finish is None:
            raise EndpointError("endpoint.unfinished", chunks=len(timed.stamps))
        return timed

    async def _body(self, method: str, url: str, request: dict[str, Any] | None) -> bytes:
        began = time.perf_counter()
        async with self._open(method, url, request, self.patience.total) as response:
            return await self._read(response, content_of(response.headers.get("content-type", "")), began)

    async def _read(self, response: httpx2.Response, kind: str, began: float) -> bytes:
        if kind != "json":
            raise EndpointError("endpoint.html" if kind == "html" else "endpoint.not_json_type", kind=kind or "–")
        return await self._whole(response, began + self.patience.total)

    async def _whole(self, response: httpx2.Response, deadline: float, most: int = _MOST_BYTES) -> bytes:
        found = bytearray()
        blocks = response.aiter_bytes().__aiter__()
        while (block := await self._next(blocks, deadline, "total")) is not None:
            found += block
            if len(found) > most:
                raise EndpointError("endpoint.too_large", most=most)
        return bytes(found)

    async def _explanation(self, response: httpx2.Response) -> bytes:
        """Of a refusal, where it comes soon and is not long: the status alone says enough."""
        try:
            return await self._whole(response, time.perf_counter() + _LINGER_S, _MOST_SAID)
        except EndpointError:
            return b""

    @contextlib.asynccontextmanager
    async def _open(
        self, method: str, url: str, request: dict[str, Any] | None, seconds: float
    ) -> AsyncIterator[httpx2.Response]:
        """The response to one request, its headers read; redirects within the same host are followed, and few."""
        message = self._built(method, url, request)
        for _hop in range(_MOST_REDIRECTS + 1):
            response = await self._sent(message, seconds)
            try:
                if response.next_request is None:
                    self.software = response.headers.get("server", self.software)
                    if not response.is_success:
                        raise refused(response, await self._explanation(response), self.served, self._key)
                    yield response
                    return
                message = self._redirected(message, response.next_request)
            finally:
                await response.aclose()
        raise EndpointError("endpoint.redirects", most=_MOST_REDIRECTS)

    def _built(self, method: str, url: str, request: dict[str, Any] | None) -> httpx2.Request:
        try:
            return self._http.build_request(method, url, json=request)
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise ConfigError("endpoint.bad_url", problem=str(error)) from None

    async def _sent(self, message: httpx2.Request, seconds: float) -> httpx2.Response:
        try:
            async with asyncio.timeout(seconds):
                return await self._http.send(message, stream=True)
        except TimeoutError:
            raise EndpointError("endpoint.no_answer", seconds=f"{seconds:g}", where=self.where.shown) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            raise broken(error, self.where.shown) from error

    def _redirected(self, before: httpx2.Request, after: httpx2.Request) -> httpx2.Request:
        """Prompts and key go nowhere else, and a POST stays one."""
        if (
            after.url.host != before.url.host
            or after.method != before.method
            or (before.url.scheme == "https" and after.url.scheme != "https")
        ):
            raise EndpointError("endpoint.redirected", method=after.method)
        return after

    async def _drain(self, blocks: AsyncIterator[bytes]) -> None:
        """Reads to the body's end, which must come for its connection to serve the next request; else it is closed."""
        with contextlib.suppress(TimeoutError, httpx2.HTTPError, httpx2.StreamError):
            async with asyncio.timeout(_LINGER_S):
                async for _rest in blocks:
                    pass

    async def _next(self, blocks: AsyncIterator[bytes], deadline: float, waiting: str) -> bytes | None:
        """The next bytes; None at the end."""
        try:
            async with asyncio.timeout(max(deadline - time.perf_counter(), 0.001)):
                return await anext(blocks, None)
        except TimeoutError:
            seconds = f"{getattr(self.patience, waiting):g}"
            raise EndpointError(f"endpoint.late_{waiting}", seconds=seconds) from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise broken(error, self.where.shown) from error


def key_from(variable: str) -> str | None:
    """The API key that the environment holds. ConfigError, which does not show it, when it cannot be sent."""
    key = os.environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError("endpoint.bad_key", variable=variable)
    return key or None
